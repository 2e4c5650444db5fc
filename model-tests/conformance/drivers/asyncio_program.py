"""What each operation of a program is in asyncio and concurrent.futures.

An operation is done the way a user of asyncio would do it, and what it answers is written down. Where
asyncio has no such operation the program does not apply: those are listed in ../runtimes/*.toml. Where an
answer is this driver's own (whether cancelling a handle prevented its callback), it says so below.
"""

import asyncio
import concurrent.futures
import gc
import random
import threading
import time

from virtual_time import VirtualLoop


class Unsupported(Exception):
    """The program needs something that this driver cannot do."""


class Raised(Exception):
    """What programs raise."""


class Asyncio:
    """The loop of the standard library, on virtual time."""

    name = "asyncio"
    # Real seconds in a unit: none.
    unit = None

    def __init__(self, version):
        self.version = "CPython " + version

    def new_loop(self, moment):
        return VirtualLoop(moment)

    def seconds(self, units):
        return units

    def busy(self, loop, units):
        loop.pass_time(units)

    def run_once(self, loop, limit):
        return loop.run_once(limit)


class Uvloop:
    """uvloop's loop, on real time."""

    name = "uvloop"
    # Longer than what a busy machine is late by, most of the time.
    unit = 0.02

    def __init__(self):
        import uvloop

        self.uvloop = uvloop
        self.version = uvloop.__version__

    def new_loop(self, moment):
        return self.uvloop.new_event_loop()

    def seconds(self, units):
        return units * self.unit

    def busy(self, loop, units):
        time.sleep(units * self.unit)

    def run_once(self, loop, limit):
        raise Unsupported("a loop cannot be made to run one iteration")


# What asyncio says in words alone.
MESSAGES = [
    ("Event loop is closed", "loop closed"),
    ("Task cannot await on itself", "awaits itself"),
    ("attached to a different loop", "foreign loop"),
    ("Event loop stopped before Future completed", "stopped early"),
    ("this event loop is already running", "already running"),
    ("Cannot close a running event loop", "already running"),
    ("while another loop is running", "other loop running"),
    ("cannot schedule new futures after", "shut down"),
    ("Executor shutdown has been called", "shut down"),
    ("max_workers must be greater than 0", "zero workers"),
    ("cannot join current thread", "own worker"),
]


class Execution:
    """One program while it runs."""

    def __init__(self, program, seed, runtime):
        self.program = program
        self.runtime = runtime
        self.random = random.Random(seed)
        self.threads = program["threads"]
        self.callbacks = program.get("callbacks", [])
        self.coroutines = program.get("coroutines", [])
        self.works = program.get("works", [])
        self.alone = len(self.threads) == 1 and not self.works
        self.logs = [[] for _ in self.threads + self.works]
        self.here = threading.local()
        self.running = {}
        self.started = [threading.Event() for _ in self.threads]
        self.gates = [threading.Event() for _ in range(16)]
        self.exceptions = {}
        self.failure = None
        # The slots.
        self.loops, self.handles, self.futures, self.tasks = {}, {}, {}, {}
        self.local_futures, self.pools = {}, {}

    def jitter(self):
        """A little real time, or none, so that threads meet in different orders."""
        if not self.alone and self.random.random() < 0.5:
            time.sleep(self.random.random() * 0.001)

    def moment(self):
        """What a sleep on virtual time leaves to other threads."""
        return 0 if self.alone else self.random.choice((0, 0.0005, 0.003))

    def log(self, word):
        log = getattr(self.here, "log", None)
        if log is not None:
            log.append(word)

    def exception(self, number):
        return self.exceptions.setdefault(number, Raised(number))

    def cause(self, error):
        """The word for an exception."""
        for number, known in list(self.exceptions.items()):
            if error is known:
                return f"raised {number}"
        if isinstance(error, SystemExit):
            return f"exit {error.code}"
        if isinstance(error, (asyncio.CancelledError, concurrent.futures.CancelledError)):
            return "cancelled"
        if isinstance(error, TimeoutError):
            return "timeout"
        if isinstance(error, concurrent.futures.BrokenExecutor):
            return "broken pool"
        for message, word in MESSAGES:
            if message.lower() in str(error).lower():
                return word
        return f"error {type(error).__name__}: {error}"

    # ---- threads ----

    def run(self):
        self.start(0)
        while self.running:
            for thread in list(self.running.values()):
                thread.join()
                self.running = {n: t for n, t in self.running.items() if t.is_alive()}
        for pool in self.pools.values():
            pool.shutdown(wait=True)
        if self.failure is not None:
            raise self.failure
        return [list(log) for log in self.logs]

    def start(self, number):
        thread = threading.Thread(target=self.thread, args=(number,), daemon=True)
        self.running[number] = thread
        thread.start()
        self.started[number].thread = thread

    def thread(self, number):
        self.here.log = self.logs[number]
        self.here.owned = []
        try:
            self.perform(self.threads[number])
        except BaseException as error:
            self.failure = error
        finally:
            for loop in self.here.owned:
                loop.close()
            self.here.log = None

    def perform(self, operations):
        for operation in operations:
            self.jitter()
            self.operate(operation)

    def operate(self, operation):
        (name, fields), = operation.items() if isinstance(operation, dict) else [(operation, None)]
        method = getattr(self, "op_" + name, None)
        if method is None:
            raise Unsupported(name)
        if isinstance(fields, dict) and name not in POSITIONAL:
            method(**fields)
        else:
            method(fields)

    def callback(self, number):
        self.perform(self.callbacks[number])

    def attempt(self, function):
        """What the function returned, and the word `ok`; or None, and why it was refused."""
        try:
            made = function()
        except RuntimeError as error:
            self.log(self.cause(error))
            return None
        self.log("ok")
        return made

    # ---- any thread ----

    def op_mark(self, number):
        self.log(f"mark {number}")

    def op_signal(self, gate):
        self.gates[gate].set()

    def op_await_gate(self, gate):
        self.gates[gate].wait()

    def op_start(self, number):
        self.start(number)

    def op_join(self, number):
        self.started[number].thread.join()

    def op_post(self, on, callback, handle):
        loop = self.loops[on]
        self.schedule(handle, callback, loop.call_soon_threadsafe)

    def schedule(self, slot, callback, call, *moment):
        begun = threading.Event()

        def run():
            begun.set()
            self.callback(callback)

        handle = self.attempt(lambda: call(*moment, run))
        if handle is not None:
            self.handles[slot] = (handle, begun)

    def op_cancel_handle(self, slot):
        # asyncio's cancel answers nothing. What it has done is seen from outside, and logged.
        handle, begun = self.handles[slot]
        too_late = begun.is_set() or handle.cancelled()
        handle.cancel()
        self.log("false" if too_late else "true")

    def op_submit(self, on, coroutine, future):
        script = self.coroutine(coroutine)
        made = self.attempt(lambda: asyncio.run_coroutine_threadsafe(script, self.loops[on]))
        if made is not None:
            self.futures[future] = made
        else:
            script.close()

    def limit(self, limit):
        """Seconds of a wait. One with a finite limit may run into it at any moment."""
        if limit == "zero":
            return 0
        if limit == "finite":
            return self.random.choice((0.001, 0.005, 0.03))
        return None

    def wait_for_answer(self, ask):
        try:
            self.log(ask())
        except TimeoutError:
            # A timeout of the work is the same exception: asyncio's users cannot tell either.
            self.log("timed out")
        except BaseException as error:
            self.log(self.cause(error))

    def op_result(self, future, limit="forever"):
        self.wait_for_answer(lambda: f"value {self.futures[future].result(self.limit(limit))}")

    def op_exception(self, future, limit="forever"):
        def ask():
            error = self.futures[future].exception(self.limit(limit))
            return "none" if error is None else self.cause(error)

        self.wait_for_answer(ask)

    def op_wait_ended(self, future, limit="forever"):
        # `wait` does not return for a future that is merely cancelled: it waits for the end of the work.
        done, _ = concurrent.futures.wait([self.futures[future]], self.limit(limit))
        self.log("ok" if done else "timed out")

    def op_cancel(self, future):
        self.answer(self.futures[future].cancel())

    def answer(self, yes):
        self.log("true" if yes else "false")

    def op_query(self, future, what):
        asked = self.futures[future]
        if what == "ended":
            self.answer(concurrent.futures.wait([asked], 0)[0])
        else:
            self.answer(getattr(asked, what)())

    def op_wait(self, futures, when="all_completed", limit="forever"):
        asked = [self.futures[number] for number in futures]
        done, _ = concurrent.futures.wait(asked, self.limit(limit), when.upper())
        numbers = dict.fromkeys(number for number in futures if self.futures[number] in done)
        self.log(" ".join(["done", *map(str, numbers)]))

    def op_as_completed(self, futures, limit="forever"):
        numbers = {self.futures[number]: number for number in futures}
        completed = 0
        try:
            for future in concurrent.futures.as_completed(list(numbers), self.limit(limit)):
                completed += 1
                self.log(f"completed {numbers[future]}")
        except TimeoutError:
            self.log(f"unfinished {len(numbers) - completed}")

    def op_on_done(self, future, callback):
        self.futures[future].add_done_callback(lambda _: self.callback(callback))

    def op_new_promise(self, future):
        self.futures[future] = concurrent.futures.Future()

    def complete(self, future, call):
        try:
            call()
            self.log("ok")
        except (asyncio.InvalidStateError, concurrent.futures.InvalidStateError):
            self.log("invalid, cancelled" if future.cancelled() else "invalid, finished")
        except RuntimeError as error:
            self.log(self.cause(error))

    def op_set_running(self, future):
        future = self.futures[future]
        try:
            self.answer(future.set_running_or_notify_cancel())
        except RuntimeError:
            self.log("invalid, cancelled" if future.cancelled() else "invalid, finished")

    def op_set_result(self, future, value):
        future = self.futures[future]
        self.complete(future, lambda: future.set_result(value))

    def op_set_exception(self, future, exception):
        future = self.futures[future]
        self.complete(future, lambda: future.set_exception(self.exception(exception)))

    def op_stop(self, on):
        # `stop` itself is not for other threads.
        loop = self.loops[on]
        self.attempt(lambda: loop.call_soon_threadsafe(loop.stop))

    def op_is_running(self, on):
        self.answer(self.loops[on].is_running())

    def op_is_closed(self, on):
        self.answer(self.loops[on].is_closed())

    def op_new_pool(self, pool, workers, broken=None):
        def fail():
            raise self.exception(broken)

        try:
            initializer = None if broken is None else fail
            self.pools[pool] = concurrent.futures.ThreadPoolExecutor(workers, initializer=initializer)
            self.log("ok")
        except ValueError as error:
            self.log(self.cause(error))

    def op_submit_work(self, pool, work, future):
        made = self.attempt(lambda: self.pools[pool].submit(self.work, work))
        if made is not None:
            self.futures[future] = made

    def work(self, number):
        # Stays: callbacks of the work's future run on this thread, after it.
        self.here.log = self.logs[len(self.threads) + number]
        value = 0
        for operation in self.works[number]:
            if "return" in operation:
                value = operation["return"]
            else:
                self.perform([operation])
        return value

    def op_shutdown(self, pool, wait=False, cancel=False):
        self.attempt(lambda: self.pools[pool].shutdown(wait=wait, cancel_futures=cancel))

    def op_raise(self, number):
        raise self.exception(number)

    def op_exit(self, code):
        raise SystemExit(code)

    # ---- the loop's thread ----

    def op_busy(self, on, units):
        self.runtime.busy(self.loops[on], units)

    def op_call_soon(self, on, callback, handle):
        self.schedule(handle, callback, self.loops[on].call_soon)

    def op_call_later(self, on, after, callback, handle):
        self.schedule(handle, callback, self.loops[on].call_later, self.runtime.seconds(after))

    def op_call_at(self, on, at, callback, handle):
        loop = self.loops[on]
        moment = loop.origin + self.runtime.seconds(at)
        self.schedule(handle, callback, loop.call_at, moment)

    def op_create_task(self, on, coroutine, task):
        script = self.coroutine(coroutine)
        try:
            self.tasks[task] = self.loops[on].create_task(script)
            self.log("ok")
        except BaseException as error:
            script.close()
            self.log(self.cause(error))

    def op_new_future(self, on, future):
        self.local_futures[future] = self.loops[on].create_future()

    def op_wrap_future(self, on, source, future):
        made = self.attempt(lambda: asyncio.wrap_future(self.futures[source], loop=self.loops[on]))
        if made is not None:
            self.local_futures[future] = made

    def op_run_in_executor(self, on, pool, work, future):
        loop, pool = self.loops[on], self.pools[pool]
        made = self.attempt(lambda: loop.run_in_executor(pool, self.work, work))
        if made is not None:
            self.local_futures[future] = made

    def op_set_loop_result(self, future, value):
        future = self.local_futures[future]
        self.complete(future, lambda: future.set_result(value))

    def op_set_loop_exception(self, future, exception):
        future = self.local_futures[future]
        self.complete(future, lambda: future.set_exception(self.exception(exception)))

    def local(self, of):
        if of == "current":
            return asyncio.current_task()
        (kind, number), = of.items()
        return self.tasks[number] if kind == "task" else self.local_futures[number]

    def op_cancel_local(self, of):
        self.answer(self.local(of).cancel())

    def op_uncancel(self, of):
        self.log(f"count {self.local(of).uncancel()}")

    def op_cancelling(self, of):
        self.log(f"count {self.local(of).cancelling()}")

    def op_query_local(self, of, what):
        self.answer(getattr(self.local(of), what)())

    def op_result_local(self, of):
        try:
            self.log(f"value {self.local(of).result()}")
        except asyncio.InvalidStateError:
            self.log("pending")
        except BaseException as error:
            self.log(self.cause(error))

    def op_on_done_local(self, of, callback):
        self.local(of).add_done_callback(lambda _: self.callback(callback))

    def op_forget(self, of):
        (kind, number), = of.items()
        del (self.tasks if kind == "task" else self.local_futures)[number]
        gc.collect()

    def op_all_tasks(self, on):
        self.log(f"count {len(asyncio.all_tasks(self.loops[on]))}")

    def op_stop_local(self, on):
        self.loops[on].stop()

    def op_set_factory(self, on, factory):
        def fail(number):
            def make(loop, coroutine, **options):
                coroutine.close()
                raise self.exception(number)

            return make

        def wrong(loop, coroutine, **options):
            coroutine.close()
            return asyncio.Task(asyncio.sleep(0), loop=loop, **options)

        if factory == "default":
            self.loops[on].set_task_factory(None)
        elif factory == "wrong":
            self.loops[on].set_task_factory(wrong)
        else:
            (_, number), = factory.items()
            self.loops[on].set_task_factory(fail(number))

    def op_set_handler(self, on, handler):
        def record(loop, context):
            # Without an exception it is something about Python's own housekeeping.
            if "exception" in context:
                self.log(f"reported {self.cause(context['exception'])}")

        def record_and_raise(loop, context):
            record(loop, context)
            raise self.exception(handler["panicking"])

        if handler == "default":
            self.loops[on].set_exception_handler(None)
        else:
            self.loops[on].set_exception_handler(record if handler == "recording" else record_and_raise)

    # ---- the owner ----

    def op_new_loop(self, number):
        loop = self.runtime.new_loop(self.moment)
        loop.origin = loop.time()
        self.loops[number] = loop
        self.here.owned.append(loop)

    def run_loop(self, run):
        try:
            self.log(run())
        except BaseException as error:
            self.log(self.cause(error))

    def op_run_forever(self, on):
        def run():
            self.loops[on].run_forever()
            return "ok"

        self.run_loop(run)

    def op_run_until_complete(self, on, coroutine):
        script = self.coroutine(coroutine)
        # Not so if an exit leaves the run before its first step, which stays queued.
        refused = self.loops[on].is_closed() or asyncio._get_running_loop() is not None
        self.run_loop(lambda: f"value {self.loops[on].run_until_complete(script)}")
        if refused:
            script.close()

    def op_run_once(self, on, sleep="zero"):
        limit = {"zero": 0, "forever": None}[sleep] if isinstance(sleep, str) else sleep["units"]
        loop = self.loops[on]
        self.run_loop(lambda: "stop" if self.runtime.run_once(loop, limit) else "continue")

    def op_close(self, on):
        self.attempt(self.loops[on].close)

    def op_drop_loop(self, on):
        self.loops[on].close()

    # ---- coroutines ----

    async def coroutine(self, number):
        ended, value = await self.block(self.coroutines[number])
        return value if ended else 0

    async def block(self, statements):
        """Whether they have ended the coroutine, and with what value."""
        for statement in statements:
            (name, fields), = statement.items() if isinstance(statement, dict) else [(statement, None)]
            ended, value = await getattr(self, "do_" + name)(fields)
            if ended:
                return True, value
        return False, None

    async def do_do(self, operation):
        self.jitter()
        self.operate(operation)
        return False, None

    async def do_return(self, value):
        return True, value

    async def do_raise(self, number):
        raise self.exception(number)

    async def do_raise_cancelled(self, _):
        raise asyncio.CancelledError

    async def do_panic(self, _):
        raise Unsupported("panic")

    async def do_await(self, what):
        awaitable, word = self.awaited(what)
        result = await awaitable
        self.log(word(result))
        return False, None

    async def do_wait_for(self, fields):
        awaitable, word = self.awaited(fields["what"])
        result = await asyncio.wait_for(awaitable, self.runtime.seconds(fields["after"]))
        self.log(word(result))
        return False, None

    async def do_timeout(self, fields):
        async with asyncio.timeout(self.runtime.seconds(fields["after"])):
            return await self.block(fields["body"])

    async def do_try(self, fields):
        caught = {
            "cancelled": asyncio.CancelledError,
            "timeout": TimeoutError,
            "exception": Exception,
            "all": BaseException,
        }[fields["catch"]]
        try:
            return await self.block(fields["body"])
        except caught as error:
            if isinstance(error, GeneratorExit):
                # The coroutine is dropped: nothing of it is done any more.
                raise
            self.log(f"caught {self.cause(error)}")
            ended = await self.block(fields["handler"])
            if fields["again"] and not ended[0]:
                raise
            return ended

    async def do_finally(self, fields):
        try:
            ended = await self.block(fields["body"])
        except GeneratorExit:
            raise
        except BaseException:
            last = await self.block(fields["last"])
            if last[0]:
                return last
            raise
        last = await self.block(fields["last"])
        return last if last[0] else ended

    def awaited(self, what):
        """Something to await, and the word for what it yields."""
        (name, fields), = what.items() if isinstance(what, dict) else [(what, None)]
        ok = lambda _: "ok"
        value = lambda result: f"value {result}"
        if name == "yield":
            return asyncio.sleep(0), ok
        if name == "sleep":
            return asyncio.sleep(self.runtime.seconds(fields)), ok
        if name == "wrapped":
            return asyncio.wrap_future(self.futures[fields]), value
        if name == "local":
            return self.local_futures[fields], value
        if name == "task":
            return self.tasks[fields], value
        if name == "coroutine":
            return self.coroutine(fields), value
        if name == "shield":
            return asyncio.shield(self.tasks[fields]), value
        if name == "gather":
            tasks = [self.tasks[number] for number in fields]
            return asyncio.gather(*tasks), lambda results: " ".join(["gathered", *map(str, results)])
        raise Unsupported(name)


# Operations that are given something with fields, and not fields.
POSITIONAL = {"cancel_local", "uncancel", "cancelling", "result_local", "forget"}


def run(program, seed, runtime):
    """The logs of one execution."""
    return Execution(program, seed, runtime).run()
