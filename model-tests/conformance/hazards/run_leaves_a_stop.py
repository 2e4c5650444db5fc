"""A run that is stopped when its coroutine has just ended leaves a stop behind, which ends the next run."""

import asyncio
import sys


async def ends():
    # The stop comes in the very iteration in which this ends.
    asyncio.get_running_loop().stop()
    return 1


async def takes_long():
    await asyncio.sleep(0.01)
    return 2


loop = asyncio.new_event_loop()
first = loop.run_until_complete(ends())
try:
    second = loop.run_until_complete(takes_long())
except RuntimeError as error:
    second = error
print("the first run:", first, "| the second:", second)
sys.exit(0 if isinstance(second, RuntimeError) else 1)
