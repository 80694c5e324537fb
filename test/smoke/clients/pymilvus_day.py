"""A day of pymilvus, unmodified, the MilvusClient way and the ORM way, each in a database of its own. Run by the Python of an environment
in which one generation is installed; what a generation has no method for is named and left out.

Usage: python pymilvus_day.py ADDRESS
"""

import importlib.util
import logging
import math
import os
import sys
import warnings

warnings.simplefilter("ignore")

import pymilvus
from pymilvus import (
    AnnSearchRequest,
    Collection,
    CollectionSchema,
    DataType,
    FieldSchema,
    MilvusClient,
    MilvusException,
    Partition,
    RRFRanker,
    WeightedRanker,
    connections,
    db,
    utility,
)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

logging.disable(logging.CRITICAL)

ADDRESS = sys.argv[1]
VERSION = pymilvus.__version__
TAG = VERSION.replace(".", "_")
DIM = 8
ROWS = 300
checks = Checks()


def check(name, run):
    checks(f"{VERSION} {name}", run)


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def vector(at):
    return [math.sin(at * DIM + i + 1) for i in range(DIM)]


def row(at):
    return {
        "id": at,
        "title": f"title {at}",
        "age": at % 50,
        "score": at / 2,
        "is_new": at % 2 == 0,
        "tags": [f"t{at % 3}", f"u{at % 5}"],
        "doc": {"kind": at % 4, "deep": {"x": at}},
        "vector": vector(at),
        "sparse": {at: 1.0, at + 1000: 0.5},
        "extra": f"dynamic {at % 10}",
    }


def where(end, keep):
    return [at for at in range(end) if keep(at)]


FILTERS = [
    ("age > 10 and age <= 12", lambda at: at % 50 in (11, 12)),
    ('array_contains(tags, "t1") and id < 30', lambda at: at % 3 == 1 and at < 30),
    ('doc["kind"] == 2 and doc["deep"]["x"] < 20', lambda at: at % 4 == 2 and at < 20),
    ('extra == "dynamic 7"', lambda at: at % 10 == 7),
    ('title like "title 1%" and is_new == true and id < 20', lambda at: at < 20 and at % 2 == 0 and str(at)[0] == "1"),
    ("id in [1, 2, 100000]", lambda at: at in (1, 2)),
    ("not (age < 49)", lambda at: at % 50 == 49),
]
LEFT = where(ROWS + 1, lambda at: at > 2 and not (at % 50 >= 25 and at % 10 == 7))


def drained(pages):
    found = []
    while page := pages.next():
        found.extend(page)
    pages.close()
    return found


def hybrid_requests(at):
    return [
        AnnSearchRequest([vector(at)], "vector", {"metric_type": "L2", "params": {"ef": 32}}, limit=10),
        AnnSearchRequest([{at: 1.0}], "sparse", {"metric_type": "IP", "params": {}}, limit=10),
    ]


def refused(run):
    try:
        run()
    except MilvusException:
        return
    raise AssertionError("expected a MilvusException")


def milvus_client_day():
    name = "articles"
    database = f"client_{TAG}"
    connections.connect("maker", uri=f"http://{ADDRESS}")
    db.create_database(database, using="maker")
    client = MilvusClient(uri=f"http://{ADDRESS}", db_name=database)

    def ids(expression, **more):
        return sorted(found["id"] for found in client.query(name, filter=expression, output_fields=["id"], **more))

    def count():
        return client.query(name, filter="", output_fields=["count(*)"])[0]["count(*)"]

    def creates():
        schema = client.create_schema(auto_id=False, enable_dynamic_field=True, description="a day")
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("title", DataType.VARCHAR, max_length=64)
        schema.add_field("age", DataType.INT32)
        schema.add_field("score", DataType.DOUBLE)
        schema.add_field("is_new", DataType.BOOL)
        schema.add_field("tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=8, max_length=16)
        schema.add_field("doc", DataType.JSON)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
        schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
        indexes = client.prepare_index_params()
        indexes.add_index("vector", index_type="HNSW", metric_type="L2", params={"M": 8, "efConstruction": 64})
        indexes.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="IP", params={"drop_ratio_build": 0.0})
        indexes.add_index("age", index_type="STL_SORT")
        client.create_collection(name, schema=schema, index_params=indexes, consistency_level="Strong")
        equal([client.has_collection(name), client.has_collection("nobody")], [True, False])
        equal(client.list_collections(), [name])

    def describes():
        described = client.describe_collection(name)
        fields = [field["name"] for field in described["fields"]]
        equal(fields, ["id", "title", "age", "score", "is_new", "tags", "doc", "vector", "sparse"])
        equal([described["enable_dynamic_field"], described["description"]], [True, "a day"])
        equal(sorted(client.list_indexes(name)), ["age", "sparse", "vector"])
        equal(client.describe_index(name, "vector")["index_type"], "HNSW")
        assert "Loaded" in str(client.get_load_state(name)["state"])

    def writes():
        equal(client.insert(name, [row(at) for at in range(ROWS)])["insert_count"], ROWS)
        equal(client.upsert(name, [{**row(5), "title": "changed"}, row(ROWS)])["upsert_count"], 2)
        equal(ids('title == "changed"'), [5])
        equal(count(), ROWS + 1)

    def queries():
        for expression, keep in FILTERS:
            equal(ids(expression), where(ROWS + 1, keep))
        equal(len(client.query(name, filter="id >= 0", output_fields=["id"], limit=10, offset=5)), 10)
        read = client.query(name, filter="id == 9", output_fields=["*"])[0]
        expected = row(9)
        equal({key: read[key] for key in expected if key not in ("vector", "sparse", "tags")}, {key: expected[key] for key in expected if key not in ("vector", "sparse", "tags")})
        equal([list(read["tags"]), read["sparse"]], [expected["tags"], expected["sparse"]])
        assert max(abs(a - b) for a, b in zip(read["vector"], vector(9))) < 1e-6
        equal([found["extra"] for found in client.get(name, ids=[3], output_fields=["extra"])], ["dynamic 3"])

    def packed_sets():
        if importlib.util.find_spec("pymilvus.client.roaring_filter") is None:
            print(f"  --    {VERSION} makes no packed sets")
            return
        from pymilvus.client.bloom_filter import build_bloom_filter
        from pymilvus.client.roaring_filter import build_roaring_bitmap

        ages = [3, 7, 49]
        packed = {"ages": build_roaring_bitmap(ages)}
        equal(ids("membership_match(age, {ages}, type=roaring)", filter_params=packed), where(ROWS + 1, lambda at: at % 50 in ages))
        packed = {"titles": build_bloom_filter([f"title {at}" for at in (1, 6, 9)], fpr=0.0001)}
        equal(ids("membership_match(title, {titles}, type=bloom)", filter_params=packed), [1, 6, 9])

    def chains():
        if not hasattr(pymilvus, "FunctionChain"):
            print(f"  --    {VERSION} has no function chains")
            return
        from pymilvus.function_chain import FunctionChain, FunctionChainStage, col, fn

        chain = FunctionChain(FunctionChainStage.L2_RERANK)
        chain.map("$score", fn.num_combine(col("$score"), col("score"), mode="sum")).sort(col("$score"), desc=True).limit(2)
        hits = client.search(name, data=[vector(8)], anns_field="vector", limit=4, function_chains=chain, output_fields=["score"])[0]
        near = client.search(name, data=[vector(8)], anns_field="vector", limit=4, output_fields=["score"])[0]
        best = sorted((hit["distance"] + hit["entity"]["score"] for hit in near), reverse=True)[:2]
        assert max(abs(hit["distance"] - score) for hit, score in zip(hits, best, strict=True)) < 1e-3, hits

    def searches():
        hits = client.search(name, data=[vector(7), vector(8)], anns_field="vector", limit=5, output_fields=["title", "extra", "doc"])
        equal([len(found) for found in hits], [5, 5])
        equal([found[0]["id"] for found in hits], [7, 8])
        equal(hits[0][0]["entity"]["doc"], {"kind": 3, "deep": {"x": 7}})
        equal([hits[0][0]["entity"]["title"], hits[0][0]["entity"]["extra"]], ["title 7", "dynamic 7"])
        hits = client.search(name, data=[vector(8)], anns_field="vector", filter='age >= 8 and tags[0] == "t2"', limit=20, output_fields=["age"])
        equal([len(hits[0]), hits[0][0]["id"], all(hit["entity"]["age"] >= 8 for hit in hits[0])], [20, 8, True])
        ranged = client.search(name, data=[vector(8)], anns_field="vector", limit=100, search_params={"params": {"radius": 1.0, "range_filter": 0.0}})
        assert ranged[0] and all(0 <= hit["distance"] < 1 for hit in ranged[0])

    def iterates():
        found = drained(client.query_iterator(name, filter="age < 40", batch_size=70, output_fields=["id"]))
        equal(sorted(found["id"] for found in found), where(ROWS + 1, lambda at: at % 50 < 40))
        found = drained(client.search_iterator(name, data=[vector(7)], anns_field="vector", batch_size=50, limit=180, search_params={"metric_type": "L2", "params": {}}, output_fields=["id"]))
        # 2.4 gives hits of the ORM here.
        keys = [hit["id"] if isinstance(hit, dict) else hit.id for hit in found]
        equal([len(keys), len(set(keys)), keys[0]], [180, 180, 7])

    def hybrid():
        for ranker in (RRFRanker(60), WeightedRanker(0.7, 0.3)):
            hits = client.hybrid_search(name, hybrid_requests(11), ranker, limit=5, output_fields=["title"])
            equal([hits[0][0]["id"], hits[0][0]["entity"]["title"]], [11, "title 11"])

    def partitions():
        client.create_partition(name, "later")
        equal(sorted(client.list_partitions(name)), ["_default", "later"])
        client.load_partitions(name, ["later"])
        client.insert(name, [row(9000)], partition_name="later")
        equal(ids("id >= 0", partition_names=["later"]), [9000])
        assert "row_count" in str(client.get_partition_stats(name, "later"))
        client.release_partitions(name, ["later"])
        client.drop_partition(name, "later")
        equal([client.has_partition(name, "later"), ids("id >= 9000")], [False, []])

    def aliases():
        client.create_alias(name, "current")
        equal(client.query("current", filter="id == 1", output_fields=["id"])[0]["id"], 1)
        equal(client.describe_alias("current")["collection_name"], name)
        equal(client.list_aliases(name)["aliases"], ["current"])
        client.alter_alias(name, "current")
        client.drop_alias("current")
        client.rename_collection(name, "renamed")
        client.rename_collection("renamed", name)

    def new_fields():
        client.add_collection_field(name, field_name="note", data_type=DataType.VARCHAR, max_length=32, nullable=True)
        client.upsert(name, [{**row(8000), "note": "new"}])
        equal(ids('note == "new"'), [8000])
        client.delete(name, ids=[8000])

    def flushes():
        client.flush(name)
        assert int(client.get_collection_stats(name)["row_count"]) >= ROWS + 1
        equal(count(), ROWS + 1)

    def deletes():
        client.delete(name, ids=[0, 1])
        client.delete(name, filter="id in [2]")
        client.delete(name, filter='age >= 25 and extra == "dynamic 7"')
        equal(ids("id >= 0"), LEFT)
        equal(count(), len(LEFT))

    def refuses():
        refused(lambda: client.describe_collection("nobody"))
        refused(lambda: client.query(name, filter="age >", output_fields=["id"]))
        refused(lambda: client.search(name, data=[[1.0]], anns_field="vector", limit=1))

    def quick():
        client.create_collection("quick", dimension=DIM)
        client.insert("quick", [{"id": at, "vector": vector(at), "color": "red"} for at in range(20)])
        hits = client.search("quick", data=[vector(4)], limit=1, output_fields=["color"], consistency_level="Strong")
        equal([hits[0][0]["id"], hits[0][0]["entity"]["color"]], [4, "red"])
        client.drop_collection("quick")

    def drops():
        client.release_collection(name)
        assert "NotLoad" in str(client.get_load_state(name)["state"])
        client.drop_index(name, "age")
        client.drop_collection(name)
        equal(client.has_collection(name), False)
        client.close()
        db.drop_database(database, using="maker")
        connections.disconnect("maker")

    needs = {iterates: "search_iterator", hybrid: "hybrid_search", flushes: "flush", new_fields: "add_collection_field", partitions: "get_partition_stats"}
    for step in (creates, describes, writes, queries, packed_sets, chains, searches, iterates, hybrid, partitions, aliases, new_fields, flushes, deletes, refuses, quick, drops):
        if hasattr(client, needs.get(step, "query")):
            check(f"MilvusClient {step.__name__}", step)
        else:
            print(f"  --    {VERSION} MilvusClient has no {needs[step]}")


def orm_day():
    name = "orm"
    database = f"orm_{TAG}"
    host, port = ADDRESS.split(":")
    connections.connect("default", host=host, port=port)
    held = {}

    def databases():
        assert utility.get_server_version()
        db.create_database(database)
        assert database in db.list_database()
        db.using_database(database)
        equal(utility.list_collections(), [])

    def creates():
        fields = [
            FieldSchema("id", DataType.INT64, is_primary=True, auto_id=False),
            FieldSchema("title", DataType.VARCHAR, max_length=64),
            FieldSchema("age", DataType.INT32),
            FieldSchema("score", DataType.DOUBLE),
            FieldSchema("is_new", DataType.BOOL),
            FieldSchema("tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=8, max_length=16),
            FieldSchema("doc", DataType.JSON),
            FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIM),
            FieldSchema("sparse", DataType.SPARSE_FLOAT_VECTOR),
        ]
        schema = CollectionSchema(fields, "a day", enable_dynamic_field=True)
        held["it"] = Collection(name, schema, consistency_level="Strong")
        equal([utility.has_collection(name), utility.list_collections()], [True, [name]])
        equal(Collection(name).description, "a day")

    def indexes():
        it = held["it"]
        it.create_index("vector", {"index_type": "HNSW", "metric_type": "L2", "params": {"M": 8, "efConstruction": 64}}, index_name="near")
        it.create_index("sparse", {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "IP", "params": {}})
        it.create_index("age", {"index_type": "STL_SORT"}, index_name="by_age")
        equal(it.has_index(index_name="near"), True)
        equal(it.index(index_name="near").params["index_type"], "HNSW")
        equal(sorted(index.field_name for index in it.indexes), ["age", "sparse", "vector"])
        utility.wait_for_index_building_complete(name, "near")
        it.load()
        utility.wait_for_loading_complete(name)
        assert "Loaded" in str(utility.load_state(name))

    def writes():
        it = held["it"]
        equal(it.insert([row(at) for at in range(ROWS)]).insert_count, ROWS)
        equal(it.upsert([{**row(5), "title": "changed"}, row(ROWS)]).upsert_count, 2)
        it.flush()
        assert it.num_entities >= ROWS + 1

    def queries():
        it = held["it"]
        for expression, keep in FILTERS:
            equal(sorted(found["id"] for found in it.query(expression, output_fields=["id"])), where(ROWS + 1, keep))
        equal(it.query("", output_fields=["count(*)"])[0]["count(*)"], ROWS + 1)
        found = drained(it.query_iterator(batch_size=70, expr="age < 40", output_fields=["id"]))
        equal(sorted(found["id"] for found in found), where(ROWS + 1, lambda at: at % 50 < 40))

    def searches():
        it = held["it"]
        near = {"metric_type": "L2", "params": {"ef": 64}}
        hits = it.search([vector(7)], "vector", near, limit=5, expr="age < 45", output_fields=["title", "extra"])
        equal([hits[0][0].id, hits[0][0].entity.get("title"), hits[0][0].entity.get("extra")], [7, "title 7", "dynamic 7"])
        found = drained(it.search_iterator([vector(7)], "vector", near, batch_size=50, limit=180, output_fields=["id"]))
        equal([len(found), len({hit.id for hit in found}), found[0].id], [180, 180, 7])
        hits = it.hybrid_search(hybrid_requests(11), RRFRanker(), limit=5, output_fields=["title"])
        equal([hits[0][0].id, hits[0][0].entity.get("title")], [11, "title 11"])

    def partitions():
        it = held["it"]
        part = it.create_partition("later")
        equal([it.has_partition("later"), len(it.partitions)], [True, 2])
        part.load()
        part.insert([row(9000)])
        equal([found["id"] for found in part.query("id >= 0", output_fields=["id"])], [9000])
        part.flush()
        equal(Partition(it, "later").num_entities, 1)
        part.release()
        part.drop()

    def aliases():
        utility.create_alias(name, "current_orm")
        # From 2.6 on this one call leaves the database out, and asks for a collection of the default one.
        if VERSION < "2.6":
            equal(utility.list_aliases(name), ["current_orm"])
        equal(len(Collection("current_orm").query("id == 1", output_fields=["id"])), 1)
        utility.alter_alias(name, "current_orm")
        utility.drop_alias("current_orm")
        utility.rename_collection(name, "renamed")
        utility.rename_collection("renamed", name)

    def deletes():
        it = held["it"]
        it.delete("id in [0, 1, 2]")
        it.delete('age >= 25 and extra == "dynamic 7"')
        equal(sorted(found["id"] for found in it.query("id >= 0", output_fields=["id"])), LEFT)

    def drops():
        it = held["it"]
        it.release()
        it.drop_index(index_name="near")
        equal(it.has_index(index_name="near"), False)
        it.drop()
        equal(utility.has_collection(name), False)
        db.using_database("default")
        db.drop_database(database)
        connections.disconnect("default")

    for step in (databases, creates, indexes, writes, queries, searches, partitions, aliases, deletes, drops):
        check(f"ORM {step.__name__}", step)


milvus_client_day()
orm_day()
sys.exit(checks.end())
