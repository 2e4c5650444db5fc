"""Timers with equal deadlines fire in the order of a heap, not in that of their scheduling.

Promise 8 (D-2).
"""

import asyncio
import sys

fired = []
loop = asyncio.new_event_loop()
deadline = loop.time() + 0.01
for number in range(8):
    loop.call_at(deadline, fired.append, number)
loop.call_at(deadline + 0.01, loop.stop)
loop.run_forever()
loop.close()
sys.exit(0 if sorted(fired) == list(range(8)) != fired else repr(fired))
