"""A submission whose task is suspended when the loop is closed stays pending; after a cancel it never ends.

Promises 1 and 2 (C-8, F-15). The cancel is accepted, cannot be posted to the closed loop, and is never
acknowledged, so `wait` does not return.
"""

import asyncio
import concurrent.futures
import logging
import sys

logging.disable(logging.CRITICAL)

loop = asyncio.new_event_loop()
future = asyncio.run_coroutine_threadsafe(asyncio.sleep(3600), loop)
loop.call_later(0.01, loop.stop)
loop.run_forever()
loop.close()
if future.done():
    sys.exit("the future ended with the loop")
if not future.cancel():
    sys.exit("the cancel was refused")
done, not_done = concurrent.futures.wait([future], timeout=0.2)
sys.exit(0 if future in not_done else "wait returned")
