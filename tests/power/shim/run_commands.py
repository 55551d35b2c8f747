"""Runs ``ota-client`` again and again, each time in a fork of this process, with the shim armed.

Reads a request a line from standard input and answers each by a line: the imports, which cost more than
a command does, are paid for once. A process of its own, as the shim is preloaded into it.
"""

import ctypes
import json
import os
import sys
from pathlib import Path

from ota_client.cli import main
from ota_client.fetch import HttpFetcher
from ota_client.trust import refresh

LOADED = (HttpFetcher, refresh)


def command(request, outcome):
    """Run one command in this process, which is a child; never returns."""
    shim = ctypes.CDLL(None)
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(Path(request["output"], name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
    status = 70
    shim.crashpoint_arm(
        request["folder"].encode(), request["at"], ctypes.c_char(request["mode"].encode())
    )
    try:
        main(request["arguments"], prog_name="ota-client")
    except SystemExit as e:
        status = e.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(outcome, str(shim.crashpoint_calls()).encode())
        os._exit(status)


def serve():
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            command(json.loads(line), writing)
        os.close(writing)
        _, status = os.waitpid(child, 0)
        calls = os.read(reading, 20)
        os.close(reading)
        print(json.dumps([os.waitstatus_to_exitcode(status), int(calls or 0)]), flush=True)


if __name__ == "__main__":
    serve()
