"""A submission cancelled from another thread takes a step that starts after `cancel` returned.

Promise 4 (C-6). The cancel is posted behind the step that is already queued.
"""

import asyncio
import sys

steps = []
loop = asyncio.new_event_loop()
future = None


async def work():
    steps.append("begins")
    await asyncio.sleep(0)
    steps.append("goes on")


def cancel():
    # As another thread would, just before the second step: the loop's thread shows the same order.
    if not steps:
        loop.call_soon(cancel)
        return
    steps.append("cancelled" if future.cancel() else "refused")
    loop.call_later(0.01, loop.stop)


future = asyncio.run_coroutine_threadsafe(work(), loop)
loop.call_soon(cancel)
loop.run_forever()
loop.close()
sys.exit(0 if steps == ["begins", "cancelled", "goes on"] else repr(steps))
