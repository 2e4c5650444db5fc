"""Closing a loop leaves the loop future of work in an executor pending, although the work has ended.

L-8. Whoever holds the future waits for ever.
"""

import asyncio
import concurrent.futures
import sys

loop = asyncio.new_event_loop()
pool = concurrent.futures.ThreadPoolExecutor(1)
future = loop.run_in_executor(pool, int)
pool.shutdown(wait=True)
loop.close()
sys.exit(0 if not future.done() else "the future ended: " + repr(future))
