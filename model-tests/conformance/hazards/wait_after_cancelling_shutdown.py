"""`shutdown(cancel_futures=True)` cancels queued futures and never acknowledges it: `wait` on them hangs.

Promise 2 (E-6).
"""

import concurrent.futures
import sys
import threading

gate = threading.Event()
pool = concurrent.futures.ThreadPoolExecutor(1)
pool.submit(gate.wait)
queued = pool.submit(int)
pool.shutdown(wait=False, cancel_futures=True)
gate.set()
pool.shutdown(wait=True)
if not queued.cancelled():
    sys.exit("the queued future was not cancelled")
done, not_done = concurrent.futures.wait([queued], timeout=0.2)
sys.exit(0 if queued in not_done else "wait returned")
