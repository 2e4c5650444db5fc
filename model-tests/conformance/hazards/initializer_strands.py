"""A failing initializer breaks the pool, but the futures behind a cancelled one are never failed.

Promise 1 (E-7). The drain dies with InvalidStateError at the first future that was cancelled meanwhile.
"""

import concurrent.futures
import logging
import sys
import threading

logging.disable(logging.CRITICAL)
threading.excepthook = lambda arguments: None

gate = threading.Event()


def initializer():
    gate.wait()
    raise ValueError("the initializer fails")


pool = concurrent.futures.ThreadPoolExecutor(1, initializer=initializer)
first, cancelled, behind = (pool.submit(int) for _ in range(3))
cancelled.cancel()
gate.set()
try:
    first.result(5)
    sys.exit("the pool is not broken")
except concurrent.futures.BrokenExecutor:
    pass
pool.shutdown(wait=True)
sys.exit(0 if not behind.done() else "the future behind ended: " + repr(behind))
