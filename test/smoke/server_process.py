"""A server process of the built package, and checks that are counted; shared by the programs in this folder."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
import traceback

MAIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dist", "server", "main.js")


class Checks:
    """Prints one line a check; `end` prints the plain line `N passed, N failed`."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def __call__(self, name, run):
        with self._counted(name):
            run()

    async def awaited(self, name, coroutine):
        with self._counted(name):
            await coroutine

    @contextlib.contextmanager
    def _counted(self, name):
        begin = time.monotonic()
        try:
            yield
            self.passed += 1
            print(f"  ok    {name} ({time.monotonic() - begin:.2f} s)", flush=True)
        except Exception:
            self.failed += 1
            print(f"  FAIL  {name}\n{traceback.format_exc()}", flush=True)

    def end(self):
        """Returns the exit code."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 else 1


class Server:
    """One server process on a folder; the port is whatever was free."""

    def __init__(self, node, folder, *options):
        self.process = subprocess.Popen(
            [node, MAIN, "serve", "--data", folder, "--port", "0", *options], stdout=subprocess.PIPE, text=True
        )
        timer = threading.Timer(30, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        found = re.search(r"on 127\.0\.0\.1:(\d+)", line)
        if found is None:
            raise RuntimeError(f"the server did not start: {line!r}")
        self.port = int(found.group(1))
        self.uri = f"http://127.0.0.1:{self.port}"

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(timeout=30)
