"""The workloads of benches/compare/workloads.rs, as a user of asyncio writes them.

Each does what its namesake there does, in the same order and under the same clock: the processor time
of this process where everything is on one thread, the time that passes where threads talk to one
another. Loops and pools are made anew for each run; making them is not measured. The garbage collector
is on, as it is for asyncio's users, and so is the lock of the interpreter: a thread that waits for a loop
that is busy waits for that lock too.

Round trips that are slow are fewer than was asked for: as many as fit in a while, and some at least.
"""

import asyncio
import collections
import contextlib
import functools
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable

# How long the round trips of one run may take, in seconds, if that is enough for a few.
PATIENCE = 0.3
FEW = 3
# Round trips, or jobs, that do not count.
WARM_UP_TRIPS = 50
WARM_UP_JOBS = 1000
# Over how many seconds the deadlines of timers are spread.
SPREAD = 0.05

ALL = {}
now = time.perf_counter_ns
cpu_time = time.process_time_ns


@dataclass(frozen=True)
class Setting:
    new_event_loop: Callable
    n: int
    p: int
    workers: int
    caller: list
    loop: list


def inside(body):
    """A workload on one thread, as the first task of a loop."""

    @functools.wraps(body)
    def run(setting):
        pin(setting.caller)
        with asyncio.Runner(loop_factory=setting.new_event_loop) as runner:
            loop = runner.get_loop()
            loop.set_default_executor(ThreadPoolExecutor(max_workers=setting.workers))
            return runner.run(body(loop, setting))

    ALL[body.__name__] = run
    return run


def outside(body):
    """A workload of this thread, against a loop on a thread of its own."""

    @functools.wraps(body)
    def run(setting):
        pin(setting.caller)
        with loop_in_a_thread(setting) as loop:
            return body(loop, setting)

    ALL[body.__name__] = run
    return run


@contextlib.contextmanager
def loop_in_a_thread(setting):
    loop = setting.new_event_loop()

    def serve():
        pin(setting.loop)
        loop.run_forever()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def pin(cores):
    """Places the calling thread; threads that it starts inherit that."""
    if cores:
        os.sched_setaffinity(0, cores)


def settle():
    """Lets a loop that was just started come to its sleep."""
    time.sleep(0.002)


class Tally:
    """Counts callbacks; the last of them ends a future of the loop's."""

    def __init__(self, loop, expected):
        self.left = expected
        self.complete = loop.create_future()
        if not expected:
            self.complete.set_result(None)

    def hit(self):
        self.left -= 1
        if not self.left:
            self.complete.set_result(None)


class RemoteTally:
    """The same for a thread that waits for callbacks. Only one thread may hit it."""

    def __init__(self, expected):
        self.left = expected
        self.complete = threading.Event()

    def hit(self):
        self.left -= 1
        if not self.left:
            self.complete.set()


def per_operation(nanoseconds, n):
    return {"cost": nanoseconds / n}


class Latencies:
    """Takes the time of each round trip, from the end of the one before."""

    def __init__(self):
        self.taken = []
        self.before = now()

    def lap(self):
        after = now()
        self.taken.append(after - self.before)
        self.before = after

    def answer(self):
        return {"latencies": self.taken}


def trips(n, seconds):
    """Counts to `n`, or as far as it comes in that time."""
    end = now() + seconds * 1e9
    for value in range(n):
        if value >= FEW and now() > end:
            return
        yield value


async def add_one(value):
    return value + 1


def round_trips(loop, n):
    for value in trips(min(n, WARM_UP_TRIPS), PATIENCE / 10):
        asyncio.run_coroutine_threadsafe(add_one(value), loop).result()
    latencies = Latencies()
    for value in trips(n, PATIENCE):
        assert asyncio.run_coroutine_threadsafe(add_one(value), loop).result() == value + 1
        latencies.lap()
    return latencies.answer()


@inside
async def callbacks(loop, setting):
    tally = Tally(loop, setting.n)
    start = cpu_time()
    for _ in range(setting.n):
        loop.call_soon(tally.hit)
    await tally.complete
    return per_operation(cpu_time() - start, setting.n)


@inside
async def chain(loop, setting):
    tally = Tally(loop, setting.n)

    def link():
        tally.hit()
        if tally.left:
            loop.call_soon(link)

    start = cpu_time()
    loop.call_soon(link)
    await tally.complete
    return per_operation(cpu_time() - start, setting.n)


@outside
def submit(loop, setting):
    each = setting.n // setting.p
    tally = RemoteTally(each * setting.p)
    together = threading.Barrier(setting.p + 1)

    def produce():
        together.wait()
        for _ in range(each):
            loop.call_soon_threadsafe(tally.hit)

    producers = [threading.Thread(target=produce) for _ in range(setting.p)]
    for producer in producers:
        producer.start()
    settle()
    start = now()
    together.wait()
    tally.complete.wait()
    elapsed = now() - start
    for producer in producers:
        producer.join()
    return per_operation(elapsed, each * setting.p)


@outside
def round_trip(loop, setting):
    settle()
    return round_trips(loop, setting.n)


@outside
def busy_round_trip(loop, setting):
    stop = False

    async def work():
        while not stop:
            end = now() + 1000
            while now() < end:
                pass
            await asyncio.sleep(0)

    async def begin():
        return [loop.create_task(work()) for _ in range(setting.p)]

    async def finish(tasks):
        await asyncio.gather(*tasks)

    tasks = asyncio.run_coroutine_threadsafe(begin(), loop).result()
    settle()
    answer = round_trips(loop, setting.n)
    stop = True
    asyncio.run_coroutine_threadsafe(finish(tasks), loop).result()
    return answer


@outside
def window(loop, setting):
    settle()
    tickets = collections.deque()
    start = now()
    for value in range(setting.n):
        if len(tickets) == setting.p:
            tickets.popleft().result()
        tickets.append(asyncio.run_coroutine_threadsafe(add_one(value), loop))
    for ticket in tickets:
        ticket.result()
    return per_operation(now() - start, setting.n)


async def same(value):
    return value


@inside
async def spawn_join(loop, setting):
    start = cpu_time()
    tasks = [loop.create_task(same(value)) for value in range(setting.n)]
    total = 0
    for task in tasks:
        total += await task
    answer = per_operation(cpu_time() - start, setting.n)
    assert total == setting.n * (setting.n - 1) // 2
    return answer


@inside
async def spawn_await(loop, setting):
    start = cpu_time()
    total = 0
    for value in range(setting.n):
        total += await loop.create_task(same(value))
    answer = per_operation(cpu_time() - start, setting.n)
    assert total == setting.n * (setting.n - 1) // 2
    return answer


@inside
async def yields(loop, setting):
    async def turns(each):
        for _ in range(each):
            await asyncio.sleep(0)

    return await switches(loop, setting, turns)


class WakeSelf:
    """A bare yield: to whatever drives the coroutine it says that it can go on."""

    def __await__(self):
        yield


@inside
async def wake_self(loop, setting):
    async def turns(each):
        for _ in range(each):
            await WakeSelf()

    return await switches(loop, setting, turns)


async def switches(loop, setting, turns):
    each = setting.n // setting.p
    start = cpu_time()
    tasks = [loop.create_task(turns(each)) for _ in range(setting.p)]
    for task in tasks:
        await task
    return per_operation(cpu_time() - start, each * setting.p)


@outside
def cancel(loop, setting):
    # A concurrent future reports that it was cancelled before its task has heard of it, so the tasks
    # report themselves.
    ended = RemoteTally(setting.n)

    async def sleeper():
        try:
            await loop.create_future()
        finally:
            ended.hit()

    sleepers = [asyncio.run_coroutine_threadsafe(sleeper(), loop) for _ in range(setting.n)]
    # Two trips behind them: all are suspended by then.
    for value in range(2):
        asyncio.run_coroutine_threadsafe(add_one(value), loop).result()
    settle()
    start = now()
    for future in sleepers:
        future.cancel()
    ended.complete.wait()
    cancelled = sum(future.cancelled() for future in sleepers)
    answer = per_operation(now() - start, setting.n)
    assert cancelled == setting.n
    return answer


@inside
async def timers(loop, setting):
    draw = random.Random(7)
    # Setting and cancelling must be over before the first is due.
    lead = 0.03 + 20e-6 * setting.n
    delays = [lead + draw.random() * SPREAD for _ in range(setting.n)]
    keep = [draw.random() < 0.1 for _ in range(setting.n)]
    fired = Tally(loop, sum(keep))
    before = time.monotonic()
    start = cpu_time()
    handles = [loop.call_later(delay, fired.hit) for delay in delays]
    for handle, kept in zip(handles, keep):
        if not kept:
            handle.cancel()
    elapsed = time.monotonic() - before
    assert elapsed < lead, "the first timer was due before the last was set"
    time.sleep(lead + SPREAD + 0.002 - elapsed)
    await fired.complete
    return per_operation(cpu_time() - start, setting.n)


@inside
async def blocking_round_trip(loop, setting):
    def job(value):
        return value + 1

    for value in trips(WARM_UP_TRIPS, PATIENCE / 10):
        await loop.run_in_executor(None, job, value)
    latencies = Latencies()
    for value in trips(setting.n, PATIENCE):
        assert await loop.run_in_executor(None, job, value) == value + 1
        latencies.lap()
    return latencies.answer()


@inside
async def blocking_throughput(loop, setting):
    def job(value):
        return value + 1

    for warm in [loop.run_in_executor(None, job, value) for value in range(WARM_UP_JOBS)]:
        await warm
    start = now()
    jobs = [loop.run_in_executor(None, job, value) for value in range(setting.n)]
    total = 0
    for done in jobs:
        total += await done
    elapsed = now() - start
    assert total == setting.n * (setting.n + 1) // 2
    return per_operation(elapsed, setting.n)
