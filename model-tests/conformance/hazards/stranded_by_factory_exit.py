"""A task factory that raises SystemExit leaves the submitter's future pending for ever.

Promise 1 (T-15, S-9). Even a later run of the loop does not end it.
"""

import asyncio
import sys


def factory(loop, coroutine, **options):
    coroutine.close()
    raise SystemExit(3)


loop = asyncio.new_event_loop()
loop.set_task_factory(factory)
future = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop)
try:
    loop.run_forever()
except SystemExit:
    pass
else:
    sys.exit("the request did not leave the loop")
loop.call_later(0.01, loop.stop)
loop.run_forever()
loop.close()
sys.exit(0 if not future.done() else "the submitter was told: " + repr(future))
