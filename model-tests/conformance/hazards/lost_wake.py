"""A wake that cannot be delivered is swallowed: the post is accepted and an idle loop never learns of it.

Promise 11 (W-7).
"""

import asyncio
import selectors
import sys
import threading


class Selector(selectors.DefaultSelector):
    """Says when the loop is about to sleep: from then on only its descriptors can wake it."""

    def select(self, timeout=None):
        if timeout is None or timeout > 0:
            asleep.set()
        return super().select(timeout)


asleep = threading.Event()
loop = asyncio.SelectorEventLoop(Selector())
thread = threading.Thread(target=loop.run_forever)
thread.start()
asleep.wait()
# To the loop this is what a sandbox looks like that forbids the system call. The other handle on the
# descriptor keeps the reader from seeing end-of-file.
writer = loop._csock.dup()
loop._csock.close()
loop.call_soon_threadsafe(loop.stop)
thread.join(0.3)
sleeps = thread.is_alive()
writer.send(b"\0")
thread.join()
sys.exit(0 if sleeps else "the loop was woken, or the post refused")
