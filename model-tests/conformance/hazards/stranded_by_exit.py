"""A coroutine that raises SystemExit leaves the loop before its submitter is told.

Promise 1 (S-9, U-1). The future is pending until the loop runs again, which it need not.
"""

import asyncio
import sys


async def leave():
    raise SystemExit(3)


loop = asyncio.new_event_loop()
future = asyncio.run_coroutine_threadsafe(leave(), loop)
try:
    loop.run_forever()
except SystemExit:
    pass
else:
    sys.exit("the request did not leave the loop")
pending = not future.done()
loop.close()
sys.exit(0 if pending and not future.done() else "the submitter was told: " + repr(future))
