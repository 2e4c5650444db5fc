"""A submission that the loop accepted and has not begun is dropped by close: its future stays pending.

Promise 1 (U-1, C-8). Nobody is told; `result()` without a timeout would wait for ever.
"""

import asyncio
import sys


async def work():
    return 1


loop = asyncio.new_event_loop()
coroutine = work()
future = asyncio.run_coroutine_threadsafe(coroutine, loop)
loop.close()
coroutine.close()
sys.exit(0 if not future.done() else "the future ended: " + repr(future))
