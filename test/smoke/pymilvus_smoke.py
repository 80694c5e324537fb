"""The Python SDK against a server process: the MilvusClient way, the ORM way, and a restart on the same folder.

Usage: python pymilvus_smoke.py NODE    (NODE: the node binary that runs dist/server/main.js)
Prints one line a check and ends with the plain line `N passed, N failed`; exit code 1 on failure.
"""

import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import warnings

from pymilvus import (
    AnnSearchRequest,
    Collection,
    CollectionSchema,
    DataType,
    FieldSchema,
    Function,
    FunctionType,
    MilvusClient,
    MilvusException,
    RRFRanker,
    SearchAggregation,
    TopHits,
    WeightedRanker,
    connections,
    utility,
)

from pymilvus.client.embedding_list import EmbeddingList

from server_process import Checks, Server

# Both are asked for here: the ORM way is the old one, and refusals are checked.
warnings.simplefilter("ignore")
logging.disable(logging.ERROR)

DIM = 8
check = Checks()


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def refused(run, code=None):
    try:
        run()
    except MilvusException as error:
        assert code is None or error.code == code, f"code {error.code}, expected {code}: {error.message}"
        return
    raise AssertionError("expected a MilvusException")


def vector(seed):
    rng = random.Random(seed)
    return [rng.uniform(-1, 1) for _ in range(DIM)]


def struct_flow(client):
    name = "docs"
    rows = [
        {
            "id": at,
            "vector": vector(at),
            "chunks": [{"page": page, "emb": vector(at * 100 + page)} for page in range(at % 4)],
        }
        for at in range(40)
    ]

    def create(metric):
        schema = client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
        chunk = client.create_struct_field_schema()
        chunk.add_field("page", DataType.INT64)
        chunk.add_field("emb", DataType.FLOAT_VECTOR, dim=DIM)
        schema.add_field("chunks", DataType.ARRAY, element_type=DataType.STRUCT, struct_schema=chunk, max_capacity=8)
        indexes = client.prepare_index_params()
        indexes.add_index("vector", index_type="FLAT", metric_type="L2")
        indexes.add_index("chunks[emb]", index_type="HNSW", metric_type=metric)
        client.create_collection(name, schema=schema, index_params=indexes, consistency_level="Strong")
        client.insert(name, rows)

    def lists():
        create("MAX_SIM_L2")
        read = client.query(name, filter="id == 7", output_fields=["chunks"])[0]["chunks"]
        equal([chunk["page"] for chunk in read], [0, 1, 2])
        query = EmbeddingList([rows[7]["chunks"][1]["emb"], rows[7]["chunks"][2]["emb"]])
        hit = client.search(name, data=[query], anns_field="chunks[emb]", limit=1)[0][0]
        equal((hit["id"], round(hit["distance"], 4)), (7, 0.0))
        equal(len(client.query(name, filter="match_any(chunks, $[page] == 2)", output_fields=["id"])), 10)
        client.drop_collection(name)

    def elements():
        create("L2")
        query = rows[7]["chunks"][2]["emb"]
        hit = client.search(name, data=[query], anns_field="chunks[emb]", limit=1)[0][0]
        equal((hit["id"], hit["offset"]), (7, 2))
        narrowed = "element_filter(chunks, $[page] < 2)"
        hits = client.search(name, data=[query], anns_field="chunks[emb]", limit=50, filter=narrowed)[0]
        equal({hit["offset"] for hit in hits}, {0, 1})
        read = client.query(name, filter=f"id == 7 and {narrowed}", output_fields=["id"])
        equal([row["offset"] for row in read], [0, 1])
        client.drop_collection(name)

    check("struct arrays, searched by lists", lists)
    check("struct arrays, searched by elements", elements)


def search_forms(client, port):
    name = "forms"
    rows = [
        {"id": at, "vector": vector(at), "other": vector(at + 9000), "shop": f"s{at % 7}", "price": float(at % 50)}
        for at in range(20_000)
    ]
    query = vector(123_456)

    def create():
        schema = client.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
        schema.add_field("other", DataType.FLOAT_VECTOR, dim=DIM)
        schema.add_field("shop", DataType.VARCHAR, max_length=8)
        schema.add_field("price", DataType.DOUBLE)
        index = client.prepare_index_params()
        index.add_index(field_name="vector", index_type="HNSW", metric_type="L2", params={"M": 16, "efConstruction": 100})
        index.add_index(field_name="other", index_type="FLAT", metric_type="COSINE")
        client.create_collection(name, schema=schema, index_params=index)
        for begin in range(0, len(rows), 5000):
            client.insert(name, rows[begin : begin + 5000])
            if begin == 5000:
                client.flush(name)

    def distance(row):
        return sum((a - b) ** 2 for a, b in zip(row["vector"], query))

    def iterator():
        pages = client.search_iterator(name, data=[query], batch_size=1500, anns_field="vector", output_fields=["id"])
        equal(type(pages).__name__, "SearchIteratorV2")
        found = []
        while page := pages.next():
            found += [(hit["id"], hit["distance"]) for hit in page]
        pages.close()
        equal(sorted(at for at, _ in found), list(range(len(rows))))
        equal(all(a[1] <= b[1] for a, b in zip(found, found[1:])), True)

    def iterator_with_limit():
        pages = client.search_iterator(
            name, data=[query], batch_size=70, limit=333, anns_field="vector", filter="price < 10", output_fields=["id"]
        )
        found = []
        while page := pages.next():
            found += page.ids()
        wanted = sorted((row for row in rows if row["price"] < 10), key=distance)[:333]
        equal(found, [row["id"] for row in wanted])

    def first_generation():
        connections.connect("forms", host="127.0.0.1", port=port)
        collection = Collection(name, using="forms")
        pages = collection.search_iterator(
            data=[query], anns_field="vector", param={"metric_type": "L2", "params": {}}, batch_size=2000, output_fields=["id"]
        )
        found = []
        while page := pages.next():
            found += page.ids()
        pages.close()
        equal(sorted(found), list(range(len(rows))))
        connections.disconnect("forms")

    def groups():
        found = client.search(
            name, data=[query], anns_field="vector", limit=7, group_by_field="shop", group_size=2, strict_group_size=True,
            output_fields=["shop"],
        )[0]
        equal(len(found), 14)
        equal(len({hit["entity"]["shop"] for hit in found}), 7)
        nearest = {}
        for row in sorted(rows, key=distance):
            nearest.setdefault(row["shop"], []).append(row["id"])
        equal(
            {shop: ids[:1] for shop, ids in nearest.items()},
            {hit["entity"]["shop"]: [hit["id"]] for hit in reversed(found)},
        )

    def hybrid():
        legs = [
            AnnSearchRequest([query], "vector", {"metric_type": "L2"}, limit=50),
            AnnSearchRequest([query], "other", {"metric_type": "COSINE"}, limit=50, expr="price > 5"),
        ]
        for ranker in (RRFRanker(60), WeightedRanker(0.3, 0.7)):
            found = client.hybrid_search(name, legs, ranker, limit=10, output_fields=["id", "shop"])[0]
            equal(len(found), 10)
            scores = [hit["distance"] for hit in found]
            equal(scores, sorted(scores, reverse=True))
        grouped = client.hybrid_search(
            name, legs, RRFRanker(60), limit=3, group_by_field="shop", group_size=2, rank_group_scorer="sum", output_fields=["shop"]
        )[0]
        equal(len({hit["entity"]["shop"] for hit in grouped}), 3)

    def by_functions():
        decay = Function(
            name="near", function_type=FunctionType.RERANK, input_field_names=["price"],
            params={"reranker": "decay", "function": "gauss", "origin": 20, "scale": 5},
        )
        found = client.search(name, data=[query], anns_field="vector", limit=20, ranker=decay, output_fields=["price"])[0]
        equal(len(found), 20)
        boost = Function(
            name="shop", function_type=FunctionType.RERANK, input_field_names=[],
            params={"reranker": "boost", "filter": "shop == 's1'", "weight": 0.001},
        )
        found = client.search(name, data=[query], anns_field="vector", limit=100, ranker=boost, output_fields=["shop"])[0]
        equal(found[0]["entity"]["shop"], "s1")

    def by_ids():
        found = client.search(name, ids=[7, 12_000], anns_field="other", limit=1, output_fields=["id"])
        equal([hits[0]["id"] for hits in found], [7, 12_000])
        refused(lambda: client.search(name, ids=[99_999], anns_field="other", limit=1), 1100)

    def buckets():
        found = client.search(
            name, data=[query], anns_field="vector", limit=10, output_fields=["price"],
            search_aggregation=SearchAggregation(
                fields=["shop"], size=3, metrics={"mean": {"avg": "price"}}, order=[{"mean": "desc"}], top_hits=TopHits(size=2)
            ),
        )
        equal([bucket.count for bucket in found.agg_buckets[0]], [2, 2, 2])

    check("forms: collection", create)
    check("forms: iterator over 20,000 rows", iterator)
    check("forms: iterator with limit and filter", iterator_with_limit)
    check("forms: iterator of the first generation", first_generation)
    check("forms: groups", groups)
    check("forms: hybrid", hybrid)
    check("forms: scores by functions", by_functions)
    check("forms: by ids", by_ids)
    check("forms: buckets", buckets)
    client.drop_collection(name)


def client_flow(client):
    name = "quick"
    rows = [{"id": at, "vector": vector(at), "word": f"w{at}", "size": at % 7} for at in range(200)]

    def create():
        client.create_collection(name, dimension=DIM, metric_type="L2", consistency_level="Strong")
        equal(client.has_collection(name), True)
        assert name in client.list_collections()
        described = client.describe_collection(name)
        equal([field["name"] for field in described["fields"]], ["id", "vector"])
        equal(described["enable_dynamic_field"], True)

    def insert():
        result = client.insert(name, rows)
        equal(result["insert_count"], 200)
        equal(list(result["ids"]), list(range(200)))

    def search():
        hits = client.search(name, data=[vector(3), vector(77)], limit=5, output_fields=["word", "size"])
        equal([query[0]["id"] for query in hits], [3, 77])
        equal([len(query) for query in hits], [5, 5])
        equal(hits[0][0]["entity"], {"word": "w3", "size": 3})
        assert hits[0][0]["distance"] < 1e-6
        assert all(a["distance"] <= b["distance"] for a, b in zip(hits[0], hits[0][1:]))

    def query():
        found = client.query(name, filter="id in [5, 6]", output_fields=["word", "vector"])
        equal(sorted((row["id"], row["word"]) for row in found), [(5, "w5"), (6, "w6")])
        assert max(abs(a - b) for a, b in zip(found[0]["vector"], vector(found[0]["id"]))) < 1e-6
        equal(client.query(name, filter="", output_fields=["count(*)"])[0]["count(*)"], 200)
        equal(client.query(name, filter="id in [999999]", output_fields=["word"]), [])
        equal([row["id"] for row in client.get(name, ids=[9], output_fields=["word"])], [9])

    def filters():
        def ids(expression, **more):
            return sorted(row["id"] for row in client.query(name, filter=expression, output_fields=["id"], **more))

        equal(ids("size > 4"), [at for at in range(200) if at % 7 > 4])
        equal(ids('word like "w1%" and not (size == 3)'), [at for at in range(200) if str(at).startswith("1") and at % 7 != 3])
        equal(ids("size in {sizes} and id < 50", filter_params={"sizes": [1, 2]}), [at for at in range(50) if at % 7 in (1, 2)])
        hits = client.search(name, data=[vector(3)], limit=200, filter='size == 6 or word == "w0"', output_fields=["size"])
        equal(sorted(hit["id"] for hit in hits[0]), [at for at in range(200) if at % 7 == 6 or at == 0])
        pages = client.query_iterator(name, filter="size >= 1", batch_size=17, output_fields=["id"])
        found = []
        while page := pages.next():
            found.extend(row["id"] for row in page)
        pages.close()
        equal(found, [at for at in range(200) if at % 7 >= 1])
        refused(lambda: client.query(name, filter="size >", output_fields=["id"]), 1100)

    def orders_and_groups():
        page = client.query(name, filter="", output_fields=["id"], limit=5, offset=3, order_by_fields=[{"field": "id", "order": "desc"}])
        equal([row["id"] for row in page], [196, 195, 194, 193, 192])
        refused(lambda: client.query(name, filter="", output_fields=["id"], limit=5, order_by_fields=["vector:asc"]), 1100)
        equal(client.query(name, filter="id < 10", output_fields=["max(id)", "avg(id)", "count(id)"]), [{"max(id)": 9, "avg(id)": 4.5, "count(id)": 10}])
        refused(lambda: client.query(name, filter="", group_by_fields=["vector"], output_fields=["count(id)"]), 1100)
        groups = client.query(name, filter="id < 3", group_by_fields=["id"], output_fields=["id", "sum(id)"], order_by_fields=["id:desc"])
        equal(groups, [{"id": 2, "sum(id)": 2}, {"id": 1, "sum(id)": 1}, {"id": 0, "sum(id)": 0}])

    def partial_updates_and_iterators():
        before = client.query(name, filter="id == 20", output_fields=["*"])[0]
        client.upsert(name, [{"id": 20, "word": "changed"}], partial_update=True)
        equal(client.query(name, filter="id == 20", output_fields=["*"])[0], {**before, "word": "changed"})
        for batch in (1, 33, 16384):
            pages = client.query_iterator(name, filter="id >= 0", batch_size=batch, output_fields=["word"], limit=-1 if batch > 1 else 20)
            found = []
            while page := pages.next():
                found.extend(row["id"] for row in page)
                # What is written while it pages is not seen.
                client.upsert(name, [{"id": 100000 + len(found), "vector": vector(1), "word": "late", "size": 0}])
            pages.close()
            equal(found, list(range(200 if batch > 1 else 20)))
            client.delete(name, filter="id >= 100000")
        client.upsert(name, [{"id": 20, "word": "w20"}], partial_update=True)

    def typed_filters():
        schema = client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("v", DataType.FLOAT_VECTOR, dim=DIM)
        schema.add_field("tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=8, max_length=16)
        schema.add_field("doc", DataType.JSON)
        schema.add_field("age", DataType.INT32, nullable=True)
        schema.add_field("at", DataType.TIMESTAMPTZ)
        params = client.prepare_index_params()
        params.add_index("v", index_type="HNSW", metric_type="L2", params={"M": 8, "efConstruction": 64})
        params.add_index("age", index_type="STL_SORT")
        params.add_index("tags", index_type="INVERTED")
        params.add_index("doc", index_name="kind", index_type="INVERTED", params={"json_path": 'doc["kind"]', "json_cast_type": "double"})
        client.create_collection("kinds", schema=schema, index_params=params, consistency_level="Strong")
        equal(sorted(client.list_indexes("kinds")), ["age", "kind", "tags", "v"])
        kind = client.describe_index("kinds", "kind")
        equal([kind["field_name"], kind["index_type"], kind["json_path"], kind["json_cast_type"]], ["doc", "INVERTED", 'doc["kind"]', "double"])
        client.drop_index("kinds", "tags")
        data = [
            {"id": at, "v": vector(at), "tags": [f"t{at % 3}"], "doc": {"kind": at % 4, "in": {"x": at}}, "age": None if at % 5 == 0 else at, "at": f"2025-01-01T00:00:{at:02}Z"}
            for at in range(60)
        ]
        client.insert("kinds", data)

        def ids(expression):
            return sorted(row["id"] for row in client.query("kinds", filter=expression, output_fields=["id"]))

        for flushed in (False, True):
            if flushed:
                client.flush("kinds")
            equal(ids('array_contains(tags, "t1")'), [at for at in range(60) if at % 3 == 1])
            equal(ids('doc["kind"] == 2 and doc["in"]["x"] > 30'), [at for at in range(60) if at % 4 == 2 and at > 30])
            equal(ids("age is null"), [at for at in range(60) if at % 5 == 0])
        equal(client.query("kinds", filter="id == 7", output_fields=["tags", "doc"])[0]["tags"], ["t1"])
        shanghai = client.query("kinds", filter="at == ISO '2025-01-01T08:00:07'", output_fields=["at"], timezone="Asia/Shanghai")
        equal([row["at"] for row in shanghai], ["2025-01-01T08:00:07+08:00"])
        refused(lambda: client.query("kinds", filter="id == 1", output_fields=["at"], timezone="Mars/Olympus"), 1100)
        equal(client.delete("kinds", filter='doc["kind"] == 3')["delete_count"], 15)
        equal(ids('doc["kind"] == 3'), [])
        equal(client.query("kinds", filter="", output_fields=["count(*)"])[0]["count(*)"], 45)
        client.drop_collection("kinds")

    def upsert():
        equal(client.upsert(name, [{"id": 5, "vector": vector(1005), "word": "new"}])["upsert_count"], 1)
        equal(client.query(name, filter="id == 5", output_fields=["word"])[0]["word"], "new")
        equal(client.search(name, data=[vector(1005)], limit=1)[0][0]["id"], 5)

    def delete():
        equal(client.delete(name, ids=[6, 7])["delete_count"], 2)
        client.delete(name, filter="id in [8]")
        equal(client.query(name, filter="id in [6, 7, 8]", output_fields=["word"]), [])
        equal(client.query(name, filter="", output_fields=["count(*)"])[0]["count(*)"], 197)

    def flush():
        client.flush(name)
        assert int(client.get_collection_stats(name)["row_count"]) > 0
        equal(client.query(name, filter="", output_fields=["count(*)"])[0]["count(*)"], 197)

    def indexes():
        equal(client.list_indexes(name), ["vector"])
        equal(client.describe_index(name, "vector")["metric_type"], "L2")

    def load_state():
        assert "Loaded" in str(client.get_load_state(name)["state"])
        client.release_collection(name)
        assert "NotLoad" in str(client.get_load_state(name)["state"])
        refused(lambda: client.search(name, data=[vector(3)], limit=1), 101)
        client.load_collection(name)
        equal(client.search(name, data=[vector(3)], limit=1)[0][0]["id"], 3)

    def partitions():
        client.create_partition(name, "p1")
        equal(sorted(client.list_partitions(name)), ["_default", "p1"])
        client.insert(name, [{"id": 5000, "vector": vector(5000)}], partition_name="p1")
        equal(client.query(name, filter="", output_fields=["count(*)"], partition_names=["p1"])[0]["count(*)"], 1)
        client.release_partitions(name, ["p1"])
        client.drop_partition(name, "p1")
        equal(client.has_partition(name, "p1"), False)

    def databases():
        client.create_database("shop")
        assert "shop" in client.list_databases()
        client.use_database("shop")
        equal(client.list_collections(), [])
        client.use_database("default")
        client.drop_database("shop")

    def own_schema():
        schema = client.create_schema(auto_id=True, enable_dynamic_field=False)
        schema.add_field("key", DataType.INT64, is_primary=True)
        schema.add_field("title", DataType.VARCHAR, max_length=50)
        schema.add_field("score", DataType.FLOAT, nullable=True)
        schema.add_field("data", DataType.JSON)
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIM)
        params = client.prepare_index_params()
        params.add_index("embedding", index_type="AUTOINDEX", metric_type="COSINE")
        client.create_collection("typed", schema=schema, index_params=params, consistency_level="Strong")
        rows = [
            {"title": "a", "score": 0.5, "data": {"x": [1, 2]}, "embedding": vector(1)},
            {"title": "b", "score": None, "data": {}, "embedding": vector(2)},
        ]
        ids = list(client.insert("typed", rows)["ids"])
        equal(len(set(ids)), 2)
        hits = client.search("typed", data=[vector(2)], limit=2, output_fields=["title", "score", "data"])
        equal(hits[0][0]["key"], ids[1])
        equal(hits[0][0]["entity"], {"title": "b", "score": None, "data": {}})
        found = client.query("typed", ids=ids, output_fields=["*"])
        equal(sorted(row["title"] for row in found), ["a", "b"])
        client.drop_collection("typed")
        equal(client.has_collection("typed"), False)

    def errors():
        refused(lambda: client.describe_collection("nobody"), 100)
        refused(lambda: client.insert(name, [{"id": 1, "vector": [1.0, 2.0]}]))
        refused(lambda: client.search(name, data=[[1.0]], limit=1))
        refused(lambda: client.create_collection("bad name!", dimension=DIM))

    for step in (create, insert, search, query, filters, orders_and_groups, partial_updates_and_iterators, typed_filters, upsert, delete, flush, indexes, load_state, partitions, databases, own_schema, errors):
        check(f"MilvusClient {step.__name__}", step)


def namespace_flow(client):
    name = "tenants"

    def create():
        schema = client.create_schema(enable_namespace=True)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
        index = client.prepare_index_params()
        index.add_index(field_name="vector", index_type="FLAT", metric_type="L2")
        client.create_collection(name, schema=schema, index_params=index)
        described = client.describe_collection(name)
        equal([field["name"] for field in described["fields"]], ["id", "vector"])
        equal(described["enable_namespace"], True)

    def rows():
        for tenant, begin in (("ada", 0), ("bob", 100)):
            client.insert(name, [{"id": begin + at, "vector": vector(begin + at)} for at in range(50)], namespace=tenant)
        for tenant, begin in (("ada", 0), ("bob", 100)):
            own = set(range(begin, begin + 50))
            found = client.search(name, [vector(7)], limit=100, namespace=tenant)[0]
            equal({hit["id"] for hit in found}, own)
            read = client.query(name, filter="id >= 0", output_fields=["*"], namespace=tenant)
            equal({row["id"] for row in read}, own)
            equal(sorted(read[0]), ["id", "vector"])
            legs = [AnnSearchRequest([vector(at)], "vector", {"metric_type": "L2"}, limit=100) for at in (7, 8)]
            found = client.hybrid_search(name, legs, RRFRanker(), limit=100, namespace=tenant)[0]
            equal({hit["id"] for hit in found}, own)
        equal(client.get(name, ids=[1, 101], namespace="ada")[0]["id"], 1)

    def unsaid():
        for run in (
            lambda: client.insert(name, [{"id": 900, "vector": vector(900)}]),
            lambda: client.query(name, filter="id >= 0"),
            lambda: client.search(name, [vector(7)], limit=3),
            lambda: client.query(name, filter="id >= 0) or (id >= 0", namespace="ada"),
        ):
            refused(run, 1100)
        client.drop_collection(name)

    check("namespaces: a collection", create)
    check("namespaces: rows of one are no rows of another", rows)
    check("namespaces: requests say whose rows", unsaid)


def orm_flow(port):
    name = "orm"

    def flow():
        connections.connect("orm", host="127.0.0.1", port=port)
        fields = [
            FieldSchema("name", DataType.VARCHAR, is_primary=True, max_length=64),
            FieldSchema("size", DataType.INT64),
            FieldSchema("vec", DataType.FLOAT_VECTOR, dim=DIM),
        ]
        collection = Collection(name, CollectionSchema(fields), using="orm", consistency_level="Strong")
        equal(utility.has_collection(name, using="orm"), True)
        names = [f"n{at}" for at in range(100)]
        result = collection.insert([names, list(range(100)), [vector(at) for at in range(100)]])
        equal(result.insert_count, 100)
        collection.create_index("vec", {"index_type": "FLAT", "metric_type": "IP", "params": {}})
        collection.load()
        collection.flush()
        equal(collection.num_entities, 100)
        hits = collection.search([vector(4)], "vec", {"metric_type": "IP", "params": {}}, limit=3, output_fields=["size"])
        best = max(range(100), key=lambda at: sum(a * b for a, b in zip(vector(4), vector(at))))
        equal(hits[0][0].id, f"n{best}")
        equal(hits[0][0].entity.get("size"), best)
        equal(collection.query('name in ["n1"]', output_fields=["size"])[0]["size"], 1)
        equal(collection.delete('name in ["n1", "n2"]').delete_count, 2)
        equal(collection.query('name in ["n1", "n2"]', output_fields=["size"]), [])
        collection.upsert([["n3"], [33], [vector(3)]])
        equal(collection.query('name == "n3"', output_fields=["size"])[0]["size"], 33)
        equal(collection.indexes[0].params["index_type"], "FLAT")
        collection.release()
        utility.drop_collection(name, using="orm")
        equal(utility.has_collection(name, using="orm"), False)
        connections.disconnect("orm")

    check("ORM flow", flow)


def users_flow(node):
    """A server that asks who calls, on a folder of its own."""
    folder = tempfile.mkdtemp(prefix="elanus-pymilvus-users-")
    server = Server(node, folder, "--auth", "--audit-log", f"{folder}.audit.jsonl")

    def refused(run, *texts):
        try:
            run()
        except Exception as error:
            for text in texts:
                if text not in str(error):
                    raise AssertionError(f"{text!r} is not in {error}") from error
            return
        raise AssertionError("it was answered")

    def users():
        refused(lambda: MilvusClient(uri=server.uri, token="root:wrong"), "Fail connecting to server")
        root = MilvusClient(uri=server.uri, token="root:Milvus")
        root.create_user("reader", "reads123")
        root.create_role("readers")
        root.grant_role("reader", "readers")
        root.create_collection("docs", dimension=DIM)
        root.create_collection("secret", dimension=DIM)
        root.insert("docs", [{"id": 1, "vector": vector(1)}])
        root.grant_privilege_v2("readers", "CollectionReadOnly", "docs", db_name="default")
        reader = MilvusClient(uri=server.uri, user="reader", password="reads123")
        equal(reader.list_collections(), ["docs"])
        equal(reader.search("docs", data=[vector(1)], limit=1, consistency_level="Strong")[0][0]["id"], 1)
        refused(lambda: reader.query("secret", filter="id > 0"), "permission deny to reader")
        refused(lambda: reader.insert("docs", [{"id": 2, "vector": vector(2)}]), "PrivilegeInsert")
        equal(sorted(root.list_users()), ["reader", "root"])
        equal(root.describe_user("reader")["roles"], ("readers",))
        equal([grant["privilege"] for grant in root.describe_role("readers")["privileges"]], ["CollectionReadOnly"])
        refused(lambda: root.drop_role("readers"), "Use REVOKE API")
        root.drop_role("readers", force_drop=True)
        refused(lambda: reader.search("docs", data=[vector(1)], limit=1), "permission deny")
        root.update_password("reader", "reads123", "reads456")
        refused(lambda: reader.get_server_version(), "auth check failure")
        reader.close()
        root.close()
        with open(f"{folder}.audit.jsonl") as lines:
            text = lines.read()
        for part in ["CreateRole", "login_refused", "denied"]:
            if part not in text:
                raise AssertionError(f"{part} is not in the audit log")
        for part in ["reads123", "reads456", "Milvus"]:
            if part in text:
                raise AssertionError("a password is in the audit log")

    try:
        check("users", users)
        check("clean stop with users", lambda: equal(server.stop(), 0))
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        os.remove(f"{folder}.audit.jsonl")


def main():
    node = sys.argv[1] if len(sys.argv) > 1 else "node"
    folder = tempfile.mkdtemp(prefix="elanus-pymilvus-")
    server = Server(node, folder)
    try:
        client = MilvusClient(uri=server.uri)
        struct_flow(client)
        search_forms(client, server.port)
        namespace_flow(client)
        client_flow(client)
        orm_flow(server.port)
        client.close()
        users_flow(node)
        check("clean stop", lambda: equal(server.stop(), 0))

        def again(name):
            def run():
                nonlocal server
                server = Server(node, folder)
                reader = MilvusClient(uri=server.uri)
                equal(reader.list_collections(), ["quick"])
                equal(reader.query("quick", filter="", output_fields=["count(*)"], consistency_level="Strong")[0]["count(*)"], 197)
                equal(reader.search("quick", data=[vector(1005)], limit=1)[0][0]["id"], 5)
                equal(reader.query("quick", filter="id in [6, 7, 8]", output_fields=["word"]), [])
                reader.upsert("quick", [{"id": 5, "vector": vector(1005), "word": name}])
                reader.close()

            return run

        check("reconnect after a restart", again("second"))
        check("kill", lambda: equal(server.stop(signal.SIGKILL), -signal.SIGKILL))
        check("reconnect after a kill", again("third"))

        def drop():
            last = MilvusClient(uri=server.uri)
            equal(last.query("quick", filter="id == 5", output_fields=["word"])[0]["word"], "third")
            last.drop_collection("quick")
            equal(last.list_collections(), [])
            last.close()

        check("drop", drop)
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(check.end())


main()
