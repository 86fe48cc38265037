"""Asks a service again and again whether it lives, from a process of its own, and prints how long each answer took.

    python probing.py HOST PORT

It asks 50 times a second over one connection until its standard input is closed, then prints two arrays of seconds. The
first says how long each answer took. One that is late delays no other question: the time of each counts from when it
was due. The second says how late this process itself was woken, which is what the machine makes everybody wait.
"""

import http.client
import json
import select
import sys
import time

EVERY = 0.02


def main() -> None:
    connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=60)
    took, woken_late = [], []
    due = time.perf_counter()
    while True:
        connection.request("GET", "/api/v1/health")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        now = time.perf_counter()
        while due <= now:  # the questions that should have been asked meanwhile would have waited as well
            took.append(now - due)
            due += EVERY
        if select.select([sys.stdin], [], [], max(0.0, due - time.perf_counter()))[0]:
            break
        woken_late.append(max(0.0, time.perf_counter() - due))
    print(json.dumps([took, woken_late]))


if __name__ == "__main__":
    main()
