"""A done-callback that raises a BaseException keeps its siblings from running.

Promise 7 (F-13). The error leaves through `set_result`, in the thread that completed the future.
"""

import concurrent.futures
import sys


class Interrupt(BaseException):
    pass


def first(future):
    raise Interrupt


ran = []
future = concurrent.futures.Future()
future.add_done_callback(first)
future.add_done_callback(lambda future: ran.append(2))
try:
    future.set_result(1)
    sys.exit("the error did not leave")
except Interrupt:
    pass
sys.exit(0 if future.done() and not ran else "the sibling ran")
