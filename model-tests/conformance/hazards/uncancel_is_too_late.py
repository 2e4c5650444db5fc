"""`uncancel` to zero does not withdraw a cancel that was not delivered yet.

T-12. Repaired in 3.13.
"""

import asyncio
import sys


async def main():
    task = asyncio.current_task()
    task.cancel()
    left = task.uncancel()
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        return left, "cancelled"
    return left, "goes on"


outcome = asyncio.run(main())
sys.exit(0 if outcome == (0, "cancelled") else repr(outcome))
