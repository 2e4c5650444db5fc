"""A timer fires before its deadline by the loop's own clock, up to one resolution of it.

Promise 8 (D-1). With a clock of a coarse resolution the gap is coarse as well.
"""

import asyncio
import sys

fired = []
loop = asyncio.new_event_loop()
now = 100.0
loop.time = lambda: now
loop._clock_resolution = 0.015  # what the clock of a desktop system has
loop.call_at(now + 0.010, lambda: fired.append(loop.time()))
loop.call_soon(loop.stop)
loop.run_forever()
loop.close()
sys.exit(0 if fired == [now] else repr(fired))
