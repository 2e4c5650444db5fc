"""asyncio or uvloop as a competitor of benches/compare: `driver.py asyncio`, `driver.py uvloop`.

One process a runtime, for as long as the benches run, so that starting an interpreter is in no figure.
It waits for its standard input while others are measured. A line there is a request:

    {"workload": "submit", "n": 20000, "p": 2, "workers": 6, "caller": [0, 1], "loop": [0, 1]}

`n` operations and `p` of whatever varies besides, as benches/compare says it; the threads of the pool;
the cores for whoever talks to the loop and for the loop, empty for any. A line on the standard output
is the answer, times in nanoseconds:

    {"cost": 5120.7}            an operation
    {"latencies": [38211]}      of each round trip
    {"error": "..."}            nothing was measured, and why

The first line of all says what is measured: {"version": "asyncio of CPython 3.11.7"}.
"""

import asyncio
import gc
import json
import platform
import sys
import traceback

OLDEST = (3, 11)
if sys.version_info < OLDEST:
    sys.exit(f"asyncio is measured from Python {OLDEST[0]}.{OLDEST[1]} on, this is {platform.python_version()}")

import workloads


def runtime(name):
    """How it makes a loop, and its version."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    if name == "asyncio":
        return asyncio.new_event_loop, f"asyncio of {python}"
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop, f"uvloop {uvloop.__version__} under {python}"
    sys.exit(f"there is no runtime `{name}`; there are asyncio and uvloop")


def answer(new_event_loop, workload, **size):
    # What the last workload left behind is not this one's to clear up.
    gc.collect()
    try:
        return workloads.ALL[workload](workloads.Setting(new_event_loop, **size))
    except Exception:
        return {"error": traceback.format_exc()}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    new_event_loop, version = runtime(sys.argv[1])
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(new_event_loop, **json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
