"""A day of AsyncMilvusClient, unmodified: every kind of call from coroutines, many of them at the same time, and users and rights on a server
that asks for them.

Usage: python pymilvus_async_day.py ADDRESS USERS_ADDRESS
"""

import asyncio
import logging
import math
import os
import sys
import warnings

warnings.simplefilter("ignore")

import pymilvus
from pymilvus import AnnSearchRequest, AsyncMilvusClient, DataType, FieldOp, MilvusException, RRFRanker, WeightedRanker

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

logging.disable(logging.CRITICAL)

ADDRESS, USERS_ADDRESS = sys.argv[1:3]
VERSION = pymilvus.__version__
DIM = 8
ROWS = 400
DATABASE = "async_day"
NAME = "notes"
checks = Checks()


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def vector(at):
    return [math.sin(at * DIM + i + 1) for i in range(DIM)]


def row(at):
    return {"id": at, "title": f"title {at}", "age": at % 50, "tags": [f"t{at % 3}"], "vector": vector(at), "words": {at: 1.0, at + 1000: 0.5}, "colour": "red" if at % 2 else "blue"}


async def refused(coroutine, code):
    try:
        await coroutine
    except MilvusException as error:
        equal(error.code, code)
    else:
        raise AssertionError(f"was answered, expected code {code}")


async def ids(client, expression, **more):
    return [found["id"] for found in await client.query(NAME, filter=expression, output_fields=["id"], **more)]


async def count(client, name=NAME):
    return (await client.query(name, filter="", output_fields=["count(*)"]))[0]["count(*)"]


async def creates(client):
    schema = client.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("title", DataType.VARCHAR, max_length=64)
    schema.add_field("age", DataType.INT32, nullable=True)
    schema.add_field("tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=4, max_length=16)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="HNSW", metric_type="L2", params={"M": 8, "efConstruction": 64})
    index.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
    await client.create_collection(NAME, schema=schema)
    equal(await client.has_collection(NAME), True)
    await client.create_index(NAME, index)
    equal(sorted(await client.list_indexes(NAME)), ["vector", "words"])
    equal((await client.describe_index(NAME, "vector"))["index_type"], "HNSW")
    await client.load_collection(NAME)
    assert "Loaded" in str((await client.get_load_state(NAME))["state"])
    equal([field["name"] for field in (await client.describe_collection(NAME))["fields"]], ["id", "title", "age", "tags", "vector", "words"])
    equal(await client.list_collections(), [NAME])


async def writes_at_once(client):
    parts = [[row(at) for at in range(begin, begin + 20)] for begin in range(0, ROWS, 20)]
    answers = await asyncio.gather(*(client.insert(NAME, part) for part in parts))
    equal(sum(answer["insert_count"] for answer in answers), ROWS)
    equal(await count(client), ROWS)
    equal((await client.upsert(NAME, [{**row(5), "title": "changed"}, row(ROWS)]))["upsert_count"], 2)
    equal(await ids(client, 'title == "changed"'), [5])
    # Each adds its own: none is lost to another that changes the row at the same time.
    await asyncio.gather(*(client.upsert(NAME, [{"id": 7, "tags": [f"x{at}"]}], field_ops={"tags": FieldOp.array_append()}) for at in range(3)))
    equal(sorted((await client.get(NAME, [7], output_fields=["tags"]))[0]["tags"]), ["t1", "x0", "x1", "x2"])
    await client.upsert(NAME, [{"id": 8, "age": None}], partial_update=True)
    equal(await ids(client, "age is null"), [8])


async def reads_at_once(client):
    answers = await asyncio.gather(*(ids(client, "age == {age} and colour == {colour}", filter_params={"age": at, "colour": "red"}) for at in range(1, 40, 2)))
    for at, found in zip(range(1, 40, 2), answers):
        equal(found, list(range(at, ROWS, 50)))
    hits = await asyncio.gather(*(client.search(NAME, [vector(at)], anns_field="vector", limit=3, output_fields=["title"]) for at in range(60)))
    equal([found[0][0]["id"] for found in hits], list(range(60)))
    equal(hits[9][0][0]["entity"]["title"], "title 9")
    grouped = await client.search(NAME, [vector(3)], anns_field="vector", limit=4, group_by_field="age", output_fields=["age"])
    equal(len({hit["entity"]["age"] for hit in grouped[0]}), 4)
    page = await client.query(NAME, filter="id >= 0", limit=5, offset=10, output_fields=["id"])
    equal([found["id"] for found in page], [10, 11, 12, 13, 14])
    ordered = await client.query(NAME, filter="id < 100", limit=2, order_by_fields=[{"field": "age", "order": "desc"}], output_fields=["age"])
    equal([found["age"] for found in ordered], [None, 49])


async def hybrid(client):
    dense = AnnSearchRequest([vector(11)], "vector", {}, limit=20)
    sparse = AnnSearchRequest([{11: 1.0, 12: 0.4}], "words", {}, limit=20)
    for ranker in (RRFRanker(), WeightedRanker(0.5, 0.5)):
        hits = (await client.hybrid_search(NAME, [dense, sparse], ranker, limit=5, output_fields=["title"]))[0]
        equal(hits[0]["id"], 11)


async def partitions(client):
    await client.create_partition(NAME, "old")
    equal(await client.list_partitions(NAME), ["_default", "old"])
    equal(await client.has_partition(NAME, "old"), True)
    await client.insert(NAME, [row(1000), row(1001)], partition_name="old")
    equal(await ids(client, "id >= 1000", partition_names=["old"]), [1000, 1001])
    equal(int((await client.get_partition_stats(NAME, "old"))["row_count"]), 2)
    await refused(client.drop_partition(NAME, "old"), 65535)
    await client.release_partitions(NAME, ["old"])
    await client.drop_partition(NAME, "old")
    equal(await ids(client, "id >= 1000"), [])


async def names(client):
    await client.create_alias(NAME, "current")
    equal((await client.describe_alias("current"))["collection_name"], NAME)
    equal(await client.list_aliases(NAME), ["current"])
    equal(await count(client, "current"), ROWS + 1)
    await client.rename_collection(NAME, "renamed")
    equal(await count(client, "current"), ROWS + 1)
    await client.alter_alias("renamed", "current")
    await client.rename_collection("renamed", NAME)
    await client.drop_alias("current")
    await refused(client.query("current", filter="id == 1"), 100)


async def changes(client):
    await client.add_collection_field(NAME, "stars", DataType.INT64, nullable=True)
    await client.add_collection_field(NAME, "shop", DataType.VARCHAR, max_length=16, nullable=True, default_value="north")
    equal(await ids(client, 'shop == "north" and stars is null and id < 3'), [0, 1, 2])
    await client.alter_collection_properties(NAME, {"collection.ttl.seconds": 86400})
    equal((await client.describe_collection(NAME))["properties"]["collection.ttl.seconds"], "86400")
    await client.drop_collection_properties(NAME, ["collection.ttl.seconds"])
    await client.alter_collection_field(NAME, "title", {"max_length": 100})
    await client.insert(NAME, [{**row(2000), "title": "x" * 90, "stars": 5}])
    equal(await ids(client, "stars == 5"), [2000])
    await client.delete(NAME, ids=[2000])
    await client.drop_collection_field(NAME, "stars")
    equal("stars" in [field["name"] for field in (await client.describe_collection(NAME))["fields"]], False)


async def files(client):
    await client.flush(NAME)
    assert int((await client.get_collection_stats(NAME))["row_count"]) >= ROWS
    assert await client.list_persistent_segments(NAME)
    job = await client.compact(NAME)
    while await client.get_compaction_state(job) != "Completed":
        await asyncio.sleep(0.05)
    equal(await count(client), ROWS + 1)
    assert await client.list_segments(NAME)
    assert await client.describe_replica(NAME)


async def deletes(client):
    equal((await client.delete(NAME, ids=[0, 1]))["delete_count"], 2)
    equal((await client.delete(NAME, filter="id in {gone}", filter_params={"gone": [2]}))["delete_count"], 1)
    gone = [at for at in range(3, ROWS + 1) if at % 50 >= 25 and at != 8]
    equal((await client.delete(NAME, filter="age >= 25"))["delete_count"], len(gone))
    equal(await count(client), ROWS + 1 - 3 - len(gone))
    await client.truncate_collection(NAME)
    equal(await count(client), 0)


async def refuses(client):
    await refused(client.query(NAME, filter="age >", output_fields=["id"]), 1100)
    await refused(client.search(NAME, [vector(1)], anns_field="nothing", limit=1), 1100)
    await refused(client.query("nobody", filter="id > 1"), 100)
    # One call that is given up leaves the client and the others as they are.
    waiting = asyncio.create_task(client.search(NAME, [vector(1)] * 500, anns_field="vector", limit=10))
    await asyncio.sleep(0)
    waiting.cancel()
    equal(await count(client), 0)


async def drops(client):
    await client.release_collection(NAME)
    await client.drop_index(NAME, "words")
    await client.drop_collection(NAME)
    equal(await client.list_collections(), [])


async def databases(client):
    await client.alter_database_properties(DATABASE, {"database.max.collections": 1})
    equal((await client.describe_database(DATABASE))["database.max.collections"], "1")
    await client.create_collection("one", dimension=DIM)
    await refused(client.create_collection("two", dimension=DIM), 102)
    await client.drop_collection("one")
    await client.drop_database_properties(DATABASE, ["database.max.collections"])
    assert DATABASE in await client.list_databases()


async def users():
    root = AsyncMilvusClient(uri=f"http://{USERS_ADDRESS}", token="root:Milvus")
    await root.create_user("async_reader", "Secret123")
    await root.create_role("async_readers")
    await root.grant_role("async_reader", "async_readers")
    await root.create_collection("async_rows", dimension=DIM)
    await root.insert("async_rows", [{"id": 1, "vector": vector(1)}])
    reader = AsyncMilvusClient(uri=f"http://{USERS_ADDRESS}", token="async_reader:Secret123")
    try:
        await reader.query("async_rows", filter="id == 1")
    except Exception as error:
        assert "permission" in str(error).lower(), error
    else:
        raise AssertionError("a user without grants read rows")
    await root.grant_privilege_v2("async_readers", "CollectionReadOnly", "async_rows", db_name="default")
    equal([found["id"] for found in await reader.query("async_rows", filter="id == 1")], [1])
    equal(list((await root.describe_user("async_reader"))["roles"]), ["async_readers"])
    await reader.close()
    await root.drop_collection("async_rows")
    await root.drop_role("async_readers", force_drop=True)
    await root.drop_user("async_reader")
    equal("async_reader" in await root.list_users(), False)
    await root.close()


async def day():
    maker = AsyncMilvusClient(uri=f"http://{ADDRESS}")
    await maker.create_database(DATABASE)
    client = AsyncMilvusClient(uri=f"http://{ADDRESS}", db_name=DATABASE)
    for step in (creates, writes_at_once, reads_at_once, hybrid, partitions, names, changes, files, deletes, refuses, drops, databases):
        await checks.awaited(f"AsyncMilvusClient {step.__name__}", step(client))
    await client.close()
    await maker.drop_database(DATABASE)
    await maker.close()
    await checks.awaited("AsyncMilvusClient users", users())


asyncio.run(day())
sys.exit(checks.end())
