"""A driver that can do `mark` and nothing else, and misbehaves at the second of three programs.

Its argument says how. What it must be taken for is in conformance.rs.
"""

import json
import os
import sys
import time

HOW = sys.argv[1]


def say(message):
    sys.stdout.write(message + "\n")
    sys.stdout.flush()


def answer(run, **what):
    say(json.dumps({"run": run, **what}))


def misbehave(run, logs):
    if HOW == "crashes":
        sys.stderr.write("x" * 5000 + "out of ideas\n")
        sys.stderr.flush()
        os._exit(3)
    elif HOW == "aborts":
        os.abort()
    elif HOW == "exits":
        os._exit(0)
    elif HOW == "closes its output":
        os.close(1)
        time.sleep(60)
    elif HOW == "hangs":
        time.sleep(60)
    elif HOW == "hangs in a line":
        sys.stdout.write('{"run":')
        sys.stdout.flush()
        time.sleep(60)
    elif HOW == "prints":
        say("thinking ...")
    elif HOW == "prints no text":
        os.write(1, b"\xff\xfe\x00\n")
    elif HOW == "prints json":
        say("[1, 2]")
    elif HOW == "answers for another run":
        answer(run + 100, outcome=logs)
    elif HOW == "answers twice":
        answer(run, outcome=logs)
        answer(run, outcome=logs)
    elif HOW == "answers twice, differently":
        answer(run, outcome=logs)
        answer(run, error="on second thoughts")
    elif HOW == "answers too much":
        answer(run, outcome=logs, error="both")
    elif HOW == "answers nothing":
        answer(run)
    elif HOW == "has a log too many":
        answer(run, outcome=logs + [[]])
    elif HOW == "has no lists":
        answer(run, outcome="mark 2")
    elif HOW == "has numbers":
        answer(run, outcome=[[2]])
    elif HOW == "has a field of its own":
        answer(run, outcome=logs, passed=True)
    elif HOW == "has another outcome":
        answer(run, outcome=[["mark 7"]])
    elif HOW == "has no word":
        answer(run, outcome=[["error ZeroDivisionError"]])
    elif HOW == "cannot":
        answer(run, unsupported="mark")
    elif HOW == "fails":
        answer(run, error="Traceback: something")
    else:
        sys.exit("how?")


def main():
    if HOW == "is another runtime":
        say('{"protocol":1,"runtime":"other","version":"1"}')
    elif HOW == "speaks another protocol":
        say('{"protocol":7,"runtime":"bad","version":"1"}')
    elif HOW == "does not say who it is":
        say("hello")
    elif HOW == "dies at once":
        sys.exit("no licence")
    else:
        say('{"protocol":1,"runtime":"bad","version":"1"}')
    for line in sys.stdin:
        question = json.loads(line)
        logs = [[f"mark {op['mark']}" for op in thread] for thread in question["program"]["threads"]]
        if question["program"]["name"] == "second":
            misbehave(question["run"], logs)
        else:
            answer(question["run"], outcome=logs)
    if HOW == "answers at the end":
        answer(question["run"], outcome=logs)


main()
