"""A wait that timed out and work that raised a timeout give the same exception.

Promise 5 (F-8).
"""

import concurrent.futures
import sys


def outcome(future, timeout):
    try:
        return future.result(timeout)
    except Exception as error:
        return type(error)


pending = concurrent.futures.Future()
failed = concurrent.futures.Future()
failed.set_exception(TimeoutError())
same = outcome(pending, 0) is outcome(failed, 0)
sys.exit(0 if same else "they can be told apart")
