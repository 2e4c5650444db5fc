"""A shutdown that a worker may not wait for is refused, and has shut the pool down all the same."""

import concurrent.futures
import sys

pool = concurrent.futures.ThreadPoolExecutor(1)
refused = pool.submit(pool.shutdown, wait=True).exception()
try:
    pool.submit(print)
    later = None
except RuntimeError as error:
    later = error
print("the worker was told:", refused, "| later work was told:", later)
sys.exit(0 if refused is not None and later is not None else 1)
