"""Completing a future of a closed loop raises an error after the state and the callbacks have changed.

Promise 6 (L-3). The callbacks are lost.
"""

import asyncio
import sys

loop = asyncio.new_event_loop()
future = loop.create_future()
future.add_done_callback(print)
loop.close()
try:
    future.set_result(1)
    sys.exit("no error")
except RuntimeError:
    pass
sys.exit(0 if future.done() else "nothing changed")
