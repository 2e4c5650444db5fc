"""A post that has passed the check for a closed loop is appended after close has cleared the queue.

Promise 1 (W-9, U-1). The gate stands between the check and the append, where any thread may be
preempted: the submitter gets no error, the work sits in a closed loop, and its future stays pending.
"""

import asyncio
import sys
import threading

checked = threading.Event()
closed = threading.Event()
futures = []


class Gated(asyncio.SelectorEventLoop):
    def _check_closed(self):
        super()._check_closed()
        if threading.current_thread() is submitter:
            checked.set()
            closed.wait()


async def work():
    return 1


def submit():
    futures.append(asyncio.run_coroutine_threadsafe(coroutine, loop))


submitter = threading.Thread(target=submit)
coroutine = work()
loop = Gated()
submitter.start()
checked.wait()
loop.close()
closed.set()
submitter.join()
coroutine.close()
sys.exit(0 if futures and not futures[0].done() else "refused or ended: " + repr(futures))
