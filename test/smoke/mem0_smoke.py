"""mem0's vector store for Milvus, unmodified, against a server process: memories in, search and list with filters, by words, update, delete.

Once on the collection that it makes itself, whose schema has a BM25 function, and once on one without it, which it supports as one from
before its version 3.

Usage: python mem0_smoke.py NODE    (NODE: the node binary that runs dist/server/main.js)
Prints one line a check and ends with the plain line `N passed, N failed`; exit code 1 on failure.
"""

import logging
import math
import os
import shutil
import signal
import sys
import tempfile

os.environ["MEM0_TELEMETRY"] = "False"
from mem0.configs.vector_stores.milvus import MetricType
from mem0.vector_stores.milvus import MilvusDB
from pymilvus import DataType, MilvusClient

from server_process import Checks, Server

logging.disable(logging.ERROR)
DIM = 16
NAME = "memories"
EARLIER = "memories_of_before"
check = Checks()


def vector(seed):
    return [math.sin((seed + 1) * (at + 1)) for at in range(DIM)]


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def create(uri):
    client = MilvusClient(uri=uri)
    schema = client.create_schema(enable_dynamic_field=True)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
    schema.add_field("vectors", DataType.FLOAT_VECTOR, dim=DIM)
    schema.add_field("metadata", DataType.JSON)
    index = client.prepare_index_params()
    index.add_index(field_name="vectors", metric_type="COSINE", index_type="AUTOINDEX", index_name="vector_index")
    client.create_collection(EARLIER, schema=schema, index_params=index, consistency_level="Strong")
    client.close()


def memory_flow(store, name):
    ids = [f"memory-{at}" for at in range(30)]
    payloads = [
        {"data": f"fact {at}", "user_id": "ann" if at % 2 == 0 else "bob", "run_id": at % 3, "note": 'say "hi" \\ é'}
        for at in range(30)
    ]

    def insert():
        store.insert(ids=ids, vectors=[vector(at) for at in range(30)], payloads=payloads)

    def search():
        found = store.search("", vector(8), top_k=5)
        equal((found[0].id, found[0].payload), ("memory-8", payloads[8]))
        assert abs(found[0].score - 1) < 1e-5, found[0].score

    def search_with_filters():
        found = store.search("", vector(8), top_k=30, filters={"user_id": "bob", "run_id": 1})
        equal(sorted(one.id for one in found), sorted(ids[at] for at in range(30) if at % 2 == 1 and at % 3 == 1))
        equal(len(store.search("", vector(8), top_k=30, filters={"note": 'say "hi" \\ é'})), 30)
        equal(store.search("", vector(8), top_k=30, filters={"user_id": "*", "agent_id": "none"}), [])

    def list_with_filters():
        (found,) = store.list(filters={"user_id": "ann"}, top_k=100)
        equal(sorted(one.id for one in found), sorted(ids[::2]))

    def update():
        store.update("memory-3", payload={**payloads[3], "user_id": "cleo"})
        equal(store.get("memory-3").payload["user_id"], "cleo")
        equal([one.id for one in store.search("", vector(3), top_k=5, filters={"user_id": "cleo"})], ["memory-3"])

    def delete():
        store.delete("memory-8")
        equal(store.get("memory-8"), None)
        equal(store.search("", vector(8), top_k=1)[0].id != "memory-8", True)

    def by_words():
        found = store.keyword_search("fact 7", top_k=3)
        if name == EARLIER:
            equal(found, None)
            return
        equal((found[0].id, found[0].payload), ("memory-7", payloads[7]))
        equal([one.id for one in store.keyword_search("7", filters={"user_id": "ann"})], [])

    for step in (insert, search, search_with_filters, list_with_filters, by_words, update, delete):
        check(f"mem0 {step.__name__}, {name}", step)


def main():
    folder = tempfile.mkdtemp(prefix="elanus-mem0-")
    server = Server(sys.argv[1], folder)
    try:
        create(server.uri)
        for name in (NAME, EARLIER):
            store = MilvusDB(
                url=server.uri,
                token="",
                collection_name=name,
                embedding_model_dims=DIM,
                metric_type=MetricType.COSINE,
                db_name="",
            )
            memory_flow(store, name)
        check("clean stop", lambda: equal(server.stop(), 0))
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(check.end())


main()
