"""`stop` from another thread does not wake the loop: an idle one goes on sleeping.

Promise 9 (G-1, G-2).
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
loop.stop()
thread.join(0.3)
sleeps = thread.is_alive()
loop.call_soon_threadsafe(int)
thread.join()
loop.close()
sys.exit(0 if sleeps else "the loop was woken")
