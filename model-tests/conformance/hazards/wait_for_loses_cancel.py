"""`wait_for` whose work ends in the moment in which its task is cancelled swallows the cancel.

O-5, T-5. Repaired in 3.12.
"""

import asyncio
import sys


async def main():
    loop = asyncio.get_running_loop()
    inner = loop.create_future()
    after = []

    async def work():
        await asyncio.wait_for(inner, 3600)
        after.append("goes on")
        await asyncio.sleep(0)
        after.append("uncancelled")

    task = loop.create_task(work())
    await asyncio.sleep(0)
    inner.set_result(1)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled(), after


cancelled, after = asyncio.run(main())
sys.exit(0 if not cancelled and after == ["goes on", "uncancelled"] else repr((cancelled, after)))
