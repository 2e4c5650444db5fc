"""A deadline that is no number is accepted and spoils the order of the other timers.

Promise 8 (D-3). A timer fires before one whose deadline is earlier.
"""

import asyncio
import math
import sys

fired = []
loop = asyncio.new_event_loop()
now = loop.time()
for deadline in (0.02, math.nan, 0.03, 0.01):
    loop.call_at(now + deadline, fired.append, deadline)
loop.call_at(now + 0.06, loop.stop)
try:
    loop.run_forever()
except ValueError as error:
    # What some versions of the selector say to a timeout that is no number.
    fired.append(error)
loop.close()
numbers = [deadline for deadline in fired if deadline in (0.01, 0.02, 0.03)]
sys.exit(0 if numbers != [0.01, 0.02, 0.03] else repr(fired))
