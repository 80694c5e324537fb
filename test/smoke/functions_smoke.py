"""Functions of pymilvus that ask a service: its programs for TextEmbedding, the model reranker and MinHash, as its guide has them, over a service
of our own on loopback.

Usage: python functions_smoke.py NODE    (NODE: the node binary that runs dist/server/main.js)
Ends with the plain line `N passed, N failed`; exit code 1 on failure.
"""

import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pymilvus import DataType, Function, FunctionType, MilvusClient, MilvusException

from server_process import Checks, Server

# Refusals are checked.
logging.disable(logging.ERROR)

DIM = 16
check = Checks()


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def embedding(text):
    vector = [0.0] * DIM
    for letter in text.lower():
        if letter.isalpha():
            vector[ord(letter) % DIM] += 1.0
    return vector


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/v1/embeddings":
            known = self.headers["authorization"] == "Bearer sk-smoke"
            data = [{"index": at, "embedding": embedding(text)} for at, text in enumerate(body["input"])]
            status, answer = (200, {"data": data}) if known else (401, {"error": "wrong key"})
        else:
            texts = body["texts"]
            scores = [{"index": at, "score": len(set(text) & set(body["query"]))} for at, text in enumerate(texts)]
            status, answer = 200, scores
        encoded = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_):
        pass


def flow(client, service):
    def create():
        schema = client.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True, auto_id=False)
        schema.add_field("document", DataType.VARCHAR, max_length=9000, enable_analyzer=True)
        schema.add_field("dense", DataType.FLOAT_VECTOR, dim=DIM)
        schema.add_field("bits", DataType.BINARY_VECTOR, dim=32 * 32)
        params = {"provider": "openai", "model_name": "text-embedding-3-small", "credential": "apikey1"}
        schema.add_function(
            Function(
                name="openai_embedding",
                function_type=FunctionType.TEXTEMBEDDING,
                input_field_names=["document"],
                output_field_names=["dense"],
                params=params,
            )
        )
        schema.add_function(
            Function(
                name="minhash",
                function_type=FunctionType.MINHASH,
                input_field_names=["document"],
                output_field_names=["bits"],
                params={"num_hashes": 32, "shingle_size": 2},
            )
        )
        index = client.prepare_index_params()
        index.add_index(field_name="dense", index_type="AUTOINDEX", metric_type="COSINE")
        index.add_index(
            field_name="bits",
            index_type="MINHASH_LSH",
            metric_type="MHJACCARD",
            params={"mh_lsh_band": 8, "mh_element_bit_width": 32, "with_raw_data": True},
        )
        client.create_collection("demo", schema=schema, index_params=index, consistency_level="Strong")
        shown = client.describe_collection("demo")["functions"]
        equal([one["name"] for one in shown], ["openai_embedding", "minhash"])

    def insert():
        texts = [
            "milvus simplifies semantic search through embeddings",
            "vector embeddings convert text into searchable numeric data",
            "semantic search helps users find relevant information quickly",
        ]
        rows = [{"id": at + 1, "document": text} for at, text in enumerate(texts)]
        equal(client.insert("demo", rows)["insert_count"], 3)
        stored = client.query("demo", filter="id == 1", output_fields=["dense"])[0]["dense"]
        equal([float(value) for value in stored], embedding(texts[0]))

    def search():
        hits = client.search(
            "demo",
            data=["data numeric searchable into text convert embeddings vector"],
            anns_field="dense",
            limit=1,
            output_fields=["document"],
        )
        equal(hits[0][0]["id"], 2)

    def rerank():
        ranker = Function(
            name="tei_ranker",
            input_field_names=["document"],
            function_type=FunctionType.RERANK,
            params={
                "reranker": "model",
                "provider": "tei",
                "queries": ["quick users"],
                "endpoint": service,
                "max_client_batch_size": 32,
                "truncate": True,
                "truncation_direction": "Right",
            },
        )
        hits = client.search("demo", data=["search"], anns_field="dense", limit=3, output_fields=["document"], ranker=ranker)
        scores = [hit["distance"] for hit in hits[0]]
        equal(scores, sorted(scores, reverse=True))
        equal(scores[0], float(max(len(set(hit["entity"]["document"]) & set("quick users")) for hit in hits[0])))

    def minhash():
        text = "milvus simplifies semantic search through embeddings"
        hits = client.search(
            "demo",
            data=[text],
            anns_field="bits",
            limit=1,
            search_params={"metric_type": "MHJACCARD", "params": {"mh_search_with_jaccard": True}},
        )
        equal((hits[0][0]["id"], hits[0][0]["distance"]), (1, 1.0))

    def refused():
        wrong = Function(
            name="wrong",
            function_type=FunctionType.TEXTEMBEDDING,
            input_field_names=["document"],
            output_field_names=["dense"],
            params={"provider": "openai", "model_name": "m", "credential": "other"},
        )
        try:
            client.alter_collection_function("demo", "openai_embedding", wrong)
        except MilvusException as error:
            equal(error.code, 1100)
            return
        raise AssertionError("expected a MilvusException")

    for step in (create, insert, search, rerank, minhash, refused):
        check(f"functions: {step.__name__}", step)


def main():
    node = sys.argv[1] if len(sys.argv) > 1 else "node"
    folder = tempfile.mkdtemp(prefix="elanus-functions-")
    service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{service.server_port}"
    settings = {
        "credential": {"apikey1": {"apikey": "sk-smoke"}},
        "function": {"textEmbedding": {"providers": {"openai": {"url": f"{url}/v1/embeddings"}}}},
        "origins": [url],
    }
    file = os.path.join(folder, "functions.json")
    with open(file, "w") as out:
        json.dump(settings, out)
    server = Server(node, os.path.join(folder, "data"), "--functions", file)
    try:
        client = MilvusClient(uri=server.uri)
        flow(client, url)
        client.close()
        check("clean stop", lambda: equal(server.stop(), 0))
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(check.end())


main()
