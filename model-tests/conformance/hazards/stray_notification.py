"""A stray wake-up ends a wait without a timeout by a timeout.

F-11. The wait is made once, without looking at the state again.
"""

import concurrent.futures
import sys
import threading
import time

future = concurrent.futures.Future()
outcome = []


def wait():
    try:
        outcome.append(future.result())
    except TimeoutError:
        outcome.append("timeout")


waiter = threading.Thread(target=wait, daemon=True)
waiter.start()
deadline = time.monotonic() + 5
while waiter.is_alive() and time.monotonic() < deadline:
    with future._condition:
        future._condition.notify_all()
    time.sleep(0.005)
sys.exit(0 if outcome == ["timeout"] and not future.done() else repr(outcome))
