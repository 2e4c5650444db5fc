#!/usr/bin/env python3
"""Runs the programs of the conformance kit on asyncio; see ../README.md for what is said on the two pipes.

    asyncio_driver.py            the loop of the standard library, on virtual time
    asyncio_driver.py --uvloop   uvloop's, on real time

Nothing but the standard library is needed (and uvloop for its flag). Python 3.11 or newer.
"""

import argparse
import gc
import json
import logging
import os
import platform
import sys
import threading
import traceback
import warnings

import asyncio_program


def serve(requests, answers, runtime):
    """Answers one line for each line, until there are no more."""

    def say(answer):
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    say({"protocol": 1, "runtime": runtime.name, "version": runtime.version})
    for number, line in enumerate(requests):
        if number % 200 == 199:
            # Of programs that are over.
            gc.collect()
        request = json.loads(line)
        answer = {"run": request["run"]}
        try:
            program = request["program"]
            answer["outcome"] = asyncio_program.run(program, request["seed"], runtime)
        except asyncio_program.Unsupported as error:
            answer["unsupported"] = str(error)
        except BaseException:
            answer["error"] = traceback.format_exc()
        say(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--uvloop", action="store_true", help="drive uvloop's loop")
    arguments = parser.parse_args()
    # What programs do wrong on purpose is in their outcomes; nobody reads it on the terminal.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    threading.excepthook = lambda arguments: None
    sys.unraisablehook = lambda arguments: None
    if arguments.uvloop:
        runtime = asyncio_program.Uvloop()
    else:
        runtime = asyncio_program.Asyncio(platform.python_version())
    # A program's garbage is collected where the program says so, and only that.
    gc.disable()
    gc.freeze()
    # Whatever a program prints is not taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.stdin, answers, runtime)
    # Threads that still wait for something do not keep the process.
    os._exit(0)


if __name__ == "__main__":
    main()
