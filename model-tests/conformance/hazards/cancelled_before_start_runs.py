"""A submission cancelled before its task was made still runs statements of its coroutine.

Promise 4 (C-5). The posted cancel arrives after the first step. Repaired in 3.14.3.
"""

import asyncio
import sys

ran = []


async def work():
    ran.append("a statement")
    await asyncio.sleep(0)


loop = asyncio.new_event_loop()
future = asyncio.run_coroutine_threadsafe(work(), loop)
if not future.cancel():
    sys.exit("the cancel was refused")
loop.call_later(0.01, loop.stop)
loop.run_forever()
loop.close()
sys.exit(0 if ran else "the coroutine did not run")
