"""A day of the console milvus_cli (from PyPI), unmodified, as a person at a terminal uses it: each command is typed when its prompt is there, and
what it prints is looked at.

Usage, by the Python where it is installed: python milvus_cli_day.py ADDRESS
"""

import json
import os
import pty
import re
import select
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

URI = f"http://{sys.argv[1]}"
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|\r")
PROMPT = re.compile(r"(milvus_cli > |: ?)$")
ANSWER_SECONDS = 60
ROWS = 40
check = Checks()


class Console:
    def __init__(self, folder):
        program = os.path.join(os.path.dirname(sys.executable), "milvus_cli")
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="dumb", COLUMNS="250", LINES="60", HOME=folder, PROMPT_TOOLKIT_NO_CPR="1")
            os.execv(program, [program])
        self.said = self.read()

    def read(self):
        """What is printed until it asks for more: a prompt, and a quiet moment behind it."""
        text = b""
        end = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.2)[0]:
                try:
                    piece = os.read(self.terminal, 65536)
                except OSError:  # The program has ended, and its terminal with it.
                    piece = b""
                text += piece
                if piece:
                    continue
                return plain(text)
            if PROMPT.search(plain(text)):
                return plain(text)
        raise AssertionError(f"no prompt after {ANSWER_SECONDS} s: {plain(text)[-500:]!r}")

    def type(self, *lines):
        for line in lines:
            os.write(self.terminal, line.encode() + b"\r")
            self.said = self.read()
        return self.said

    def leave(self):
        """Out of a question that nobody answers."""
        if self.said.endswith("milvus_cli > "):
            return
        os.write(self.terminal, b"\x03")
        self.read()

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def plain(text):
    return CONTROLS.sub("", text.decode("utf8", "replace"))


def has(said, *parts):
    for part in parts:
        assert part in said, f"{part!r} is not in {said!r}"


def files(folder):
    schema = {
        **{"collection_name": "cli_kept", "description": "by the console", "auto_id": False, "enable_dynamic_field": True, "consistency_level": 0},
        "fields": [
            {"name": "id", "type": "INT64", "is_primary": True},
            {"name": "title", "type": "VARCHAR", "max_length": 64},
            {"name": "vector", "type": "FLOAT_VECTOR", "dim": 4},
        ],
    }
    with open(os.path.join(folder, "schema.json"), "w") as file:
        json.dump(schema, file)
    with open(os.path.join(folder, "rows.csv"), "w") as file:
        file.write("id,title,vector\n")
        # The console reads each cell as JSON.
        file.writelines(f'{at},"""title {at % 3}""","[{at}.0, 1.0, 2.0, 3.0]"\n' for at in range(ROWS))


def run(console):
    say = console.type

    def definitions():
        has(say("create database -db cli_db"), "Create database cli_db successfully")
        has(say("list databases"), "cli_db", "default")
        has(say("use database -db cli_db"), "Using database cli_db")
        has(say("create collection --schema-file schema.json"), "Create collection successfully", "by the console", "title 21 max_length: 64")
        has(say("list collections"), "cli_kept")

    def rows():
        has(say("insert file -c cli_kept rows.csv"), f"{ROWS}")
        has(say("flush -c cli_kept"), "successfully")
        has(say("show collection_stats -c cli_kept"), f"'row_count': {ROWS}")
        has(say("show collection -c cli_kept"), f"{ROWS}")

    def indexes():
        has(say("create index", "cli_kept", "vector", "near", "HNSW", "L2", "8", "64"), "Create index successfully")
        has(say("list indexes -c cli_kept"), "vector", "HNSW", "L2")

    def loads():
        has(say("load collection -c cli_kept"), "Load collection cli_kept successfully")
        has(say("show load_state -c cli_kept"), "Loaded")
        has(say("show loading_progress -c cli_kept"), "100%")
        has(say("show replicas -c cli_kept"), "ReplicaInfo", "__default_resource_group")
        has(say("show query_segment_info -c cli_kept"), f"{ROWS}")

    def queries():
        has(say("query", "cli_kept", 'title == "title 2" and id < 9', "", "id,title", "", "0", "5"), '"id": 2', '"id": 5', '"id": 8', "title 2")

    def searches():
        # It asks for a filter, and leaves it out of its call.
        said = say("search", "cli_kept", "vector", "[5.0, 1.0, 2.0, 3.0]", "64", "", "", "3", "", "", "id,title", "0")
        has(said, "'id': 5", "'id': 4", "'id': 6", "title 0")

    def names():
        has(say("create partition -c cli_kept -p later"), "later")
        has(say("list partitions -c cli_kept"), "_default", "later")
        has(say("create alias -c cli_kept -a current"), "current")
        has(say("list aliases -c cli_kept"), "current")
        has(say("delete alias -a current"), "current")

    def system():
        has(say("server_version"), "elanus")
        has(say("list resource_groups"), "__default_resource_group")
        has(say("list users"), "root")
        has(say("list roles"), "admin", "public")
        has(say("compact -c cli_kept"), "ompact")

    def drops():
        has(say("release collection -c cli_kept"), "cli_kept")
        has(say("delete collection -c cli_kept", "y"), "cli_kept")
        has(say("use database -db default"), "default")
        has(say("delete database -db cli_db", "y"), "cli_db")

    check("milvus_cli connects", lambda: has(say(f"connect -uri {URI}"), "Connect Milvus successfully"))
    say("set output json")
    for name, step in (
        ("makes a database and a collection", definitions),
        ("brings in a file, flushes and counts", rows),
        ("builds an index", indexes),
        ("loads, and shows what is loaded", loads),
        ("queries", queries),
        ("searches", searches),
        ("keeps partitions and aliases", names),
        ("shows the system", system),
        ("drops everything", drops),
    ):
        failed = check.failed
        check(f"milvus_cli {name}", step)
        if check.failed > failed:
            console.leave()


with tempfile.TemporaryDirectory() as folder:
    files(folder)
    console = Console(folder)
    try:
        run(console)
    finally:
        console.stop()
sys.exit(check.end())
