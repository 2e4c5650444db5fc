"""`wait_for` around a `gather` is cancelled: asyncio reports the cancel as a failure that nobody retrieved."""

import asyncio
import gc
import sys

reported = []


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: reported.append(context.get("exception")))
    children = [asyncio.create_task(asyncio.sleep(10)) for _ in range(2)]
    waiting = asyncio.create_task(asyncio.wait_for(asyncio.gather(*children), 5))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait([waiting])
    del waiting, children
    gc.collect()
    await asyncio.sleep(0.01)


asyncio.run(main())
gc.collect()
print("reported:", reported)
sys.exit(0 if any(isinstance(error, asyncio.CancelledError) for error in reported) else 1)
