"""`Task.cancel` from another thread does not wake the loop: an idle one goes on sleeping.

Promise 9 (G-1, C-6).
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
task = loop.create_task(asyncio.sleep(3600))
task.add_done_callback(lambda task: loop.stop())
thread = threading.Thread(target=loop.run_forever)
thread.start()
asleep.wait()
task.cancel()
thread.join(0.3)
sleeps = thread.is_alive()
loop.call_soon_threadsafe(int)
thread.join()
loop.close()
sys.exit(0 if sleeps and task.cancelled() else "the loop was woken")
