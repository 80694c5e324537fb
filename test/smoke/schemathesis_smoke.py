"""The OpenAPI document of REST and the server behind it, by schemathesis: requests made from the document, at the edges and at random. No
answer is a failure of the server, and each has a status, a type and a shape that the document names.

Usage: python schemathesis_smoke.py NODE [SECONDS]    (NODE: the node binary that runs dist/server/main.js; SECONDS: for random requests)
Prints one line a check and ends with the plain line `N passed, N failed`; exit code 1 on failure.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request

from server_process import Checks, Server

# The codes of what is wrong are in the body, with status 200, so what schemathesis expects of statuses for wrong bodies is not asked.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
]
# For each endpoint and round of the random requests; the time bounds the rounds.
EXAMPLES = "5"
WITHIN_S = 600
check = Checks()


def run(uri, folder, phases, more):
    tool = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    command = [tool, "run", f"{uri}/v2/openapi.json", "--phases", phases, "--checks", ",".join(CHECKS)]
    command += ["--max-examples", EXAMPLES, "--seed", "7", "--request-timeout", "20", "--continue-on-failure"]
    # One thread: what makes the requests parses its own source, and Python 3.11 counts the depth of that for all threads together.
    command += ["--warnings", "off", "--no-color", "--workers", "1"]
    command += ["--suppress-health-check", "all", *more]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=WITHIN_S)
    if done.returncode != 0:
        raise AssertionError(f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}")


def post(uri, path, body):
    request = urllib.request.Request(f"{uri}/v2/vectordb/{path}", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def main():
    node = sys.argv[1]
    seconds = sys.argv[2] if len(sys.argv) > 2 else "40"
    folder = tempfile.mkdtemp(prefix="elanus-schemathesis-")
    server = Server(node, os.path.join(folder, "data"))
    try:
        kept = {"id": 1, "vector": [1, 2], "word": "kept"}

        def rows_before():
            assert post(server.uri, "collections/create", {"collectionName": "kept", "dimension": 2})["code"] == 0
            assert post(server.uri, "entities/insert", {"collectionName": "kept", "data": [kept]})["code"] == 0

        def rows_after():
            got = post(server.uri, "entities/get", {"collectionName": "kept", "id": 1})
            assert got["data"] == [kept], got

        check("rows before", rows_before)
        check("edges of every schema", lambda: run(server.uri, folder, "coverage", ["--max-time", "240"]))
        check("random requests", lambda: run(server.uri, folder, "fuzzing", ["--max-time", seconds]))
        check("rows after", rows_after)
        check("the process stops as it should", lambda: server.stop() == 0 or 1 / 0)
    finally:
        server.process.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return check.end()


if __name__ == "__main__":
    sys.exit(main())
