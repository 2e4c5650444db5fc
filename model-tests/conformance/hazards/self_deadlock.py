"""Waiting on the loop's own thread for work of that loop deadlocks instead of being refused.

Promise 3 (F-22). Shown by a time limit: the callback is still blocked after 0.3 s.
"""

import asyncio
import os
import threading

entered = threading.Event()
left = threading.Event()
loop = asyncio.new_event_loop()


async def work():
    return 1


def callback():
    future = asyncio.run_coroutine_threadsafe(work(), loop)
    entered.set()
    try:
        future.result()
    finally:
        left.set()


loop.call_soon(callback)
threading.Thread(target=loop.run_forever, daemon=True).start()
entered.wait(5)
# The loop's thread cannot be ended, only left behind.
os._exit(0 if entered.is_set() and not left.wait(0.3) else 1)
