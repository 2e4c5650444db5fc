"""A cancel that was asked for before a `timeout` was entered leaves it as a TimeoutError: the cancel is lost."""

import asyncio
import sys


async def main():
    async def work():
        asyncio.current_task().cancel()
        try:
            async with asyncio.timeout(0):
                await asyncio.sleep(0)
        except TimeoutError:
            return "a timeout"

    try:
        return await asyncio.create_task(work())
    except asyncio.CancelledError:
        return "a cancel"


seen = asyncio.run(main())
print("the task that was cancelled saw", seen)
sys.exit(0 if seen == "a timeout" else 1)
