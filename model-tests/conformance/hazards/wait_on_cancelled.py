"""`wait` does not take a cancelled future for a done one: it blocks until somebody acknowledges the cancel.

Promise 2 (F-15). `done()` says True all the while.
"""

import concurrent.futures
import sys

future = concurrent.futures.Future()
if not (future.cancel() and future.done()):
    sys.exit("the future is not cancelled")
done, not_done = concurrent.futures.wait([future], timeout=0.2)
try:
    list(concurrent.futures.as_completed([future], timeout=0.2))
    sys.exit("as_completed yielded it")
except TimeoutError:
    pass
sys.exit(0 if future in not_done else "wait returned it as done")
