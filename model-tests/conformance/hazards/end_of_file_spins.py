"""End-of-file on the wakeup pipe makes an idle loop spin, and is reported to nobody.

Promise 11 (W-8).
"""

import asyncio
import sys

turns = 0
reports = []


class Counting(asyncio.SelectorEventLoop):
    def _run_once(self):
        global turns
        turns += 1
        if turns == 1000:
            self.stop()
        super()._run_once()


loop = Counting()
loop.set_exception_handler(lambda loop, context: reports.append(context))
loop._csock.close()
loop.call_later(5, loop.stop)
loop.run_forever()
sys.exit(0 if turns == 1000 and not reports else f"{turns} turns, reported: {reports}")
