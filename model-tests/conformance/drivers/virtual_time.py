"""An asyncio loop whose time only moves when nothing else can happen.

A sleep until a timer looks at the real descriptors for a moment, and then jumps to the timer. What other
threads do in that moment may come first or not, as on a real clock; without other threads there is no
moment, and the order of everything is that of the loop alone.
"""

import asyncio
import selectors


class VirtualSelector(selectors.DefaultSelector):
    """Sleeps on the loop's own time."""

    def __init__(self, clock, moment):
        super().__init__()
        self.clock = clock
        # Real seconds that a sleep leaves to other threads: a function, asked each time.
        self.moment = moment

    def select(self, timeout=None):
        limit = self.clock.limit
        if limit is not None and (timeout is None or timeout > limit):
            timeout = limit
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(self.moment())
        if not events:
            self.clock.now += timeout
        return events


class Clock:
    """The time of one loop, in units."""

    def __init__(self):
        self.now = 0.0
        # No sleep is longer than this, if it is set.
        self.limit = None


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, on virtual time; it can also run a single iteration."""

    def __init__(self, moment):
        self.clock = Clock()
        self._single = False
        self._stop_requested = False
        super().__init__(VirtualSelector(self.clock, moment))

    def time(self):
        return self.clock.now

    def pass_time(self, units):
        self.clock.now += units

    def run_once(self, limit):
        """One iteration, which sleeps no longer than that; whether a stop was requested."""
        self._single = True
        self.clock.limit = limit
        self._stop_requested = False
        try:
            self.run_forever()
        finally:
            self._single = False
            self.clock.limit = None
        return self._stop_requested

    def _run_once(self):
        super()._run_once()
        if self._single:
            self._stop_requested = self._stopping
            self._stopping = True
