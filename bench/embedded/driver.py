"""One embedded engine with a Python interface in a process of its own; the same phases and the same line of JSON as child.mjs.

Usage: python driver.py load|search ENGINE SET FOLDER SECONDS
"""

import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", ".data")
SETS = {
    "texts": (100_000, 384, "COSINE"),
    "points": (200_000, 128, "L2"),
    "small": (30_000, 384, "COSINE"),
    "quick": (10_000, 64, "L2"),
}
SHARES = [0.01, 0.1, 0.5]
K, RECALL, TRUTH_DEPTH, BATCH = 10, 0.95, 100, 1000
M, EF_CONSTRUCTION = 16, 200
WARM_UP_S, AT_FIRST_S = 2, 0.25
WIDTHS = [10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]

phase, engine_name, set_name, folder, seconds = sys.argv[1:6]
rows, dim, metric = SETS[set_name]
queries = np.fromfile(f"{DATA}/embedded-{set_name}.queries", dtype=np.float32).reshape(-1, dim)


def column(share):
    return f"pass_{share * 100:g}"


def truth_of(share):
    name = f"embedded-{set_name}.truth" if share is None else f"embedded-{set_name}.truth-{share:g}"
    return np.fromfile(f"{DATA}/{name}", dtype=np.uint32).reshape(-1, TRUTH_DEPTH)


def flags_of(share):
    return np.fromfile(f"{DATA}/embedded-{set_name}.flags-{share:g}", dtype=np.uint8)


def batches():
    base = np.fromfile(f"{DATA}/embedded-{set_name}.base", dtype=np.float32).reshape(rows, dim)
    flags = {column(share): flags_of(share) for share in SHARES}
    for begin in range(0, rows, BATCH):
        end = min(rows, begin + BATCH)
        payloads = [{name: bool(bits[row]) for name, bits in flags.items()} for row in range(begin, end)]
        yield begin, base[begin:end], payloads


class QdrantEdge:
    def load(self):
        import qdrant_edge as q

        distance = q.Distance.Cosine if metric == "COSINE" else q.Distance.Euclid
        config = q.EdgeConfig(
            vectors=q.EdgeVectorParams(size=dim, distance=distance),
            hnsw_config=q.HnswIndexConfig(m=M, ef_construct=EF_CONSTRUCTION, full_scan_threshold=10),
        )
        os.makedirs(folder, exist_ok=True)
        shard = q.EdgeShard.create(folder, config)
        for share in SHARES:
            shard.update(q.UpdateOperation.create_field_index(column(share), q.PayloadSchemaType.Integer))
        begin = time.perf_counter()
        for first, vectors, payloads in batches():
            # Its interface takes a match of True for one of 1, which finds no boolean.
            numbers = [{name: int(passes) for name, passes in payload.items()} for payload in payloads]
            points = [q.Point(first + i, vectors[i].tolist(), numbers[i]) for i in range(len(vectors))]
            shard.update(q.UpdateOperation.upsert_points(points))
        shard.flush()
        inserted = time.perf_counter()
        shard.optimize()
        shard.flush()
        built = time.perf_counter()
        shard.close()
        return inserted - begin, built - inserted

    def open(self):
        import qdrant_edge as q

        self.q, self.shard = q, q.EdgeShard.load(folder)

    def search(self, vector, width, share=None):
        q = self.q
        condition = None
        if share is not None:
            condition = q.Filter(must=[q.FieldCondition(column(share), match=q.MatchValue(1))])
        params = q.SearchParams(hnsw_ef=width)
        nearest = q.Query.Nearest(vector.tolist())
        request = q.SearchRequest(query=nearest, limit=K, params=params, filter=condition)
        return [point.id for point in self.shard.search(request)]


class Chroma:
    def collection(self):
        import chromadb

        client = chromadb.PersistentClient(path=folder, settings=chromadb.Settings(anonymized_telemetry=False))
        space = "cosine" if metric == "COSINE" else "l2"
        settings = {"space": space, "max_neighbors": M, "ef_construction": EF_CONSTRUCTION, "ef_search": 100}
        return client.get_or_create_collection("rows", configuration={"hnsw": settings})

    def load(self):
        collection = self.collection()
        begin = time.perf_counter()
        for first, vectors, payloads in batches():
            ids = [str(first + i) for i in range(len(vectors))]
            collection.add(ids=ids, embeddings=vectors, metadatas=payloads)
        return time.perf_counter() - begin, 0.0

    def open(self):
        self.rows = self.collection()
        self.widths = [100]

    def search(self, vector, width, share=None):
        where = None if share is None else {column(share): True}
        found = self.rows.query(query_embeddings=[vector], n_results=K, where=where, include=[])
        return [int(id) for id in found["ids"][0]]


class MilvusLite:
    def client(self):
        from pymilvus import MilvusClient

        os.makedirs(folder, exist_ok=True)
        return MilvusClient(os.path.join(folder, "rows.db"))

    def load(self):
        from pymilvus import DataType

        client = self.client()
        schema = client.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        for share in SHARES:
            schema.add_field(f"pass_{round(share * 100)}", DataType.BOOL)
        schema.add_field("v", DataType.FLOAT_VECTOR, dim=dim)
        index = client.prepare_index_params()
        params = {"M": M, "efConstruction": EF_CONSTRUCTION}
        index.add_index("v", index_type="HNSW", metric_type=metric, params=params)
        client.create_collection("t", schema=schema, index_params=index)
        begin = time.perf_counter()
        for first, vectors, payloads in batches():
            client.insert("t", [{"id": first + i, "v": vectors[i], **payloads[i]} for i in range(len(vectors))])
        inserted = time.perf_counter()
        client.flush("t")
        client.load_collection("t")
        client.search("t", [queries[0].tolist()], limit=K, anns_field="v")
        built = time.perf_counter()
        client.close()
        return inserted - begin, built - inserted

    def open(self):
        self.made = self.client()
        self.made.load_collection("t")

    def search(self, vector, width, share=None):
        condition = "" if share is None else f"{column(share)} == true"
        params = {"params": {"ef": width}}
        found = self.made.search("t", [vector.tolist()], limit=K, filter=condition, search_params=params)
        return [hit["id"] for hit in found[0]]


engines = {"qdrant-edge": QdrantEdge, "chromadb": Chroma, "milvus-lite": MilvusLite}
engine = engines[engine_name]()


def rss_mb():
    with open("/proc/self/statm", encoding="ascii") as file:
        return round(int(file.read().split()[1]) * resource.getpagesize() / 2**20)


def since_start_ms():
    with open("/proc/self/stat", encoding="ascii") as file:
        ticks = int(file.read().rsplit(")", 1)[1].split()[19])
    with open("/proc/uptime", encoding="ascii") as file:
        return (float(file.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")) * 1000


def width_for(share):
    truth, count = truth_of(share), min(100, len(queries))
    width, recall = 0, 0.0
    for width in getattr(engine, "widths", WIDTHS):
        hits = sum(len(set(engine.search(queries[i], width, share)) & set(truth[i, :K])) for i in range(count))
        recall = hits / (count * K)
        if recall >= RECALL:
            break
    return width, recall


def rate(width, share, callers, for_s):
    begin = time.perf_counter()

    def caller(number):
        times, at = [], number
        while time.perf_counter() - begin < for_s:
            started = time.perf_counter()
            engine.search(queries[at % len(queries)], width, share)
            times.append((time.perf_counter() - started) * 1000)
            at += callers
        return times

    if callers == 1:
        times = caller(0)
    else:
        with ThreadPoolExecutor(callers) as pool:
            times = [one for each in pool.map(caller, range(callers)) for one in each]
    took = time.perf_counter() - begin
    times.sort()
    return {"qps": round(len(times) / took), "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)]}


def search():
    engine.open()
    engine.search(queries[0], 100)
    first_ms = since_start_ms()
    for_s = float(seconds)
    width, recall = width_for(None)
    at_first = rate(width, None, 1, AT_FIRST_S)
    rate(width, None, 1, WARM_UP_S - AT_FIRST_S)
    one, eight = rate(width, None, 1, for_s), rate(width, None, 8, for_s)
    filtered = {}
    for share in SHARES:
        narrow, found = width_for(share)
        filtered[f"{share:g}"] = {"qps": rate(narrow, share, 1, for_s / 2)["qps"], "recall": found}
    measured = {"firstMs": first_ms, "width": width, "recall": recall}
    measured.update({"atFirst": at_first, "one": one, "eight": eight})
    return {**measured, "filtered": filtered, "rssMb": rss_mb()}


def load():
    inserted, built = engine.load()
    return {"insertMs": inserted * 1000, "buildMs": built * 1000, "rssMb": rss_mb()}


print(json.dumps(load() if phase == "load" else search()), flush=True)
os._exit(0)
