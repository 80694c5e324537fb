"""Pages of Milvus's user guide by pymilvus, unmodified: each step is what a page does, and what the page says comes back. Pages that the other
days walk are left out. Run by the Python of an environment in which one generation is installed; what it has no call for is left out.

Usage: python user_guide_day.py ADDRESS
"""

import logging
import os
import sys
import warnings

warnings.simplefilter("ignore")

import pymilvus
from pymilvus import DataType, MilvusClient, MilvusException

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

logging.disable(logging.CRITICAL)
VERSION = pymilvus.__version__
IS_3 = int(VERSION.split(".")[0]) >= 3
checks = Checks()
client = MilvusClient(uri=f"http://{sys.argv[1]}", token="root:Milvus")
KEY = {"field_name": "id", "datatype": DataType.INT64, "is_primary": True}
VECTOR = {"field_name": "vector", "datatype": DataType.FLOAT_VECTOR, "dim": 2}


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def refused(text, call):
    try:
        call()
    except MilvusException as error:
        assert text in str(error), f"{error}, expected {text!r} in it"
        return
    raise AssertionError(f"taken, expected {text!r}")


def collection(page, *fields, metric="L2", struct=None, **options):
    name = f"guide_{page}_{VERSION.replace('.', '_')}"
    client.drop_collection(name)
    schema = client.create_schema(enable_dynamic_field=False)
    for field in (KEY, VECTOR, *fields):
        schema.add_field(**field)
    if struct is not None:
        schema.add_field("chunks", datatype=DataType.ARRAY, element_type=DataType.STRUCT, struct_schema=struct, max_capacity=10)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="HNSW", metric_type=metric, params={"M": 16, "efConstruction": 64})
    client.create_collection(name, schema=schema, index_params=index, **options)
    return name


def rows(count, more=lambda at: {}):
    return [{"id": at, "vector": [at, 1], **more(at)} for at in range(count)]


def keys(name, filter, **options):
    return sorted(row["id"] for row in client.query(name, filter=filter, output_fields=["id"], **options))


def modifies_a_collection():
    name = collection("modify")
    client.insert(name, rows(2))
    client.alter_collection_properties(name, properties={"dynamicfield.enabled": True})
    client.insert(name, [{"id": 2, "vector": [2, 1], "color": "red"}])
    equal(keys(name, 'color == "red"'), [2])
    found = client.query(name, filter="id >= 0", output_fields=["color"])
    equal([(row["id"], row.get("color")) for row in found], [(0, None), (1, None), (2, "red")])
    refused("dynamic schema cannot supported to be disabled", lambda: client.alter_collection_properties(name, properties={"dynamicfield.enabled": False}))


def isolates_partition_keys():
    key = {"field_name": "tenant", "datatype": DataType.VARCHAR, "max_length": 512, "is_partition_key": True}
    name = collection("isolation", key, num_partitions=16, properties={"partitionkey.isolation": True})
    client.insert(name, rows(60, lambda at: {"tenant": f"t{at % 6}"}))
    found = client.search(name, data=[[7, 1]], filter='tenant == "t1" && id < 30', limit=20)[0]
    equal(sorted(hit["id"] for hit in found), [1, 7, 13, 19, 25])
    refused("partition key", lambda: client.search(name, data=[[7, 1]], filter='tenant in ["t1", "t2"]', limit=20))
    refused("partition key", lambda: client.search(name, data=[[7, 1]], limit=20))


def fills_defaults():
    age = {"field_name": "age", "datatype": DataType.INT64, "default_value": 18}
    status = {"field_name": "status", "datatype": DataType.VARCHAR, "default_value": "active", "max_length": 10}
    name = collection("defaults", age, status)
    client.insert(
        name,
        [
            {"id": 1, "vector": [0.1, 0.2], "age": 30, "status": "premium"},
            {"id": 2, "vector": [0.2, 0.3]},
            {"id": 3, "vector": [0.3, 0.4], "age": 25, "status": None},
            {"id": 4, "vector": [0.4, 0.5], "age": None, "status": "inactive"},
        ],
    )
    equal(keys(name, "age == 18"), [2, 4])
    equal(keys(name, 'status == "active"'), [2, 3])


def indexes_json():
    name = collection("json", {"field_name": "metadata", "datatype": DataType.JSON, "nullable": True})

    def metadata(at):
        return {
            "category": "electronics" if at % 2 else "home",
            "price": at / 4,
            "string_price": str(at),
            "tags": ["clearance", f"t{at % 5}"],
            "supplier": {"name": f"s{at % 7}", "contact": {"email": f"a{at}@x.com"}},
        }

    client.insert(name, rows(1500, lambda at: {"metadata": metadata(at) if at % 10 else None}))
    client.flush(name)
    asked = [
        'metadata["category"] == "home" and metadata["price"] > 370',
        'metadata["supplier"]["contact"]["email"] in ["a7@x.com", "a10@x.com"]',
        'json_contains(metadata["tags"], "t3") and id < 40',
        "metadata is null and id < 30",
        'metadata["supplier"]["name"] like "s6%" and metadata["price"] < 10',
    ]
    before = [keys(name, filter) for filter in asked]
    equal(before[1:4], [[7], [3, 8, 13, 18, 23, 28, 33, 38], [0, 10, 20]])
    for index_name, path, cast, more in [
        ("category_index", 'metadata["category"]', "varchar", {}),
        ("string_to_double_index", 'metadata["string_price"]', "double", {"json_cast_function": "STRING_TO_DOUBLE"}),
        ("metadata_full_index", "metadata", "JSON", {}),
    ]:
        index = client.prepare_index_params()
        index.add_index("metadata", index_type="AUTOINDEX", index_name=index_name, params={"json_path": path, "json_cast_type": cast, **more})
        client.create_index(name, index)
    equal(client.describe_index(name, "metadata_full_index")["json_cast_type"], "JSON")
    equal([keys(name, filter) for filter in asked], before)


def asks_with_operators():
    name = collection("operators", {"field_name": "price", "datatype": DataType.DOUBLE})
    client.insert(name, rows(50, lambda at: {"price": float(at)}))
    equal(keys(name, "price ** 2 > 2200"), [47, 48, 49])
    equal(keys(name, "id % 2 == 0 and 10 <= price < 16"), [10, 12, 14])


def keeps_times():
    name = collection("times", {"field_name": "tsz", "datatype": DataType.TIMESTAMPTZ, "nullable": True})
    client.insert(name, rows(12, lambda at: {"tsz": f"2025-01-{at + 1:02}T00:00:00+08:00"}))
    for filter in ("tsz != ISO '2025-01-03T00:00:00+08:00'", "tsz + INTERVAL 'P0D' != ISO '2025-01-03T00:00:00+08:00'"):
        found = client.query(name, filter=filter, output_fields=["tsz"], limit=3)
        equal([row["tsz"] for row in found], ["2024-12-31T16:00:00Z", "2025-01-01T16:00:00Z", "2025-01-03T16:00:00Z"])
    abroad = client.query(name, filter="id == 0", output_fields=["tsz"], timezone="America/Havana")
    equal(abroad[0]["tsz"], "2024-12-31T11:00:00-05:00")


def merges_segments():
    name = collection("merge")
    client.insert(name, rows(10))
    client.flush(name)
    assert client.compact(name, target_size=(1 << 63) - 1) > 0
    refused("targetSize", lambda: client.compact(name, target_size=1))


def changes_arrays():
    tags = {"field_name": "tags", "datatype": DataType.ARRAY, "element_type": DataType.VARCHAR, "max_capacity": 8, "max_length": 32}
    name = collection("arrays", tags)
    client.insert(name, [{"id": 1, "vector": [1, 1], "tags": ["new"]}, {"id": 2, "vector": [2, 1], "tags": ["new", "trial"]}])

    def change(op, **values):
        client.upsert(name, [{"id": int(key[1:]), "tags": of} for key, of in values.items()], field_ops={"tags": op})
        return [row["tags"] for row in client.query(name, filter="id in [1, 2]", output_fields=["tags"])]

    from pymilvus import FieldOp

    equal(change(FieldOp.array_append(), _1=["premium", "vip"], _2=["premium"]), [["new", "premium", "vip"], ["new", "trial", "premium"]])
    equal(change(FieldOp.array_remove(), _1=["new"], _2=["trial"]), [["premium", "vip"], ["new", "premium"]])


def matches_structs():
    struct = client.create_struct_field_schema()
    struct.add_field("text", DataType.VARCHAR, max_length=100)
    struct.add_field("page", DataType.INT64)
    name = collection("structs", struct=struct)
    client.insert(name, rows(8, lambda at: {"chunks": [{"text": ("Red" if at % 2 else "Blue") + str(page), "page": page} for page in range(at % 4 + 1)]}))
    for filter, expected in [
        ("MATCH_ANY(chunks, $[text] LIKE 'Red%')", [1, 3, 5, 7]),
        ("MATCH_LEAST(chunks, $[text] LIKE 'Red%', 3)", [3, 7]),
        ("MATCH_EXACT(chunks, $[page] > 0, threshold=1)", [1, 5]),
        ("id > 2 && MATCH_MOST(chunks, $[page] >= 0, 2)", [4, 5]),
    ]:
        equal(keys(name, filter), expected)


def groups_in_the_order_of_a_field():
    name = collection("groups", {"field_name": "category", "datatype": DataType.INT64}, {"field_name": "price", "datatype": DataType.DOUBLE})
    client.insert(name, rows(12, lambda at: {"category": at % 4, "price": [30.0, 10.0, 40.0, 20.0][at % 4] + at}))
    found = client.search(
        name,
        data=[[0, 1]],
        limit=4,
        group_by_field="category",
        group_size=2,
        strict_group_size=True,
        output_fields=["price"],
        order_by_fields=[{"field": "price", "order": "asc"}],
    )
    equal([hit["id"] for hit in found[0]], [1, 5, 3, 7, 0, 4, 2, 6])


def aggregates_searches():
    from pymilvus import SearchAggregation, TopHits

    fields = [{"field_name": "brand", "datatype": DataType.VARCHAR, "max_length": 100}, {"field_name": "price", "datatype": DataType.DOUBLE}]
    name = collection("aggregation", *fields)
    client.insert(name, rows(9, lambda at: {"brand": f"Brand {'ABC'[at % 3]}", "price": 100.0 + at}))
    spec = SearchAggregation(
        fields=["brand"],
        size=3,
        metrics={"product_count": {"count": "*"}, "avg_price": {"avg": "price"}},
        order=[{"avg_price": "desc"}],
        top_hits=TopHits(size=2, sort=[{"price": "desc"}]),
    )
    buckets = client.search(name, data=[[0, 1]], search_aggregation=spec, output_fields=["price"]).agg_buckets[0]
    found = [(bucket.key[0]["value"], bucket.count, bucket.metrics["avg_price"], [hit.pk for hit in bucket.hits]) for bucket in buckets]
    equal(found, [("Brand C", 2, 103.5, [5, 2]), ("Brand B", 2, 102.5, [4, 1]), ("Brand A", 2, 101.5, [3, 0])])


checks("modify collection: a dynamic field for one that has rows", modifies_a_collection)
checks("partition key isolation", isolates_partition_keys)
checks("default values", fills_defaults)
checks("JSON indexing", indexes_json)
checks("basic operators", asks_with_operators)
checks("TIMESTAMPTZ fields", keeps_times)
checks("force merge", merges_segments)
if hasattr(pymilvus, "FieldOp"):
    checks("upsert: operators on ARRAY fields", changes_arrays)
if hasattr(client, "create_struct_field_schema"):
    checks("StructArray operators", matches_structs)
if IS_3:
    checks("grouping search: order by a scalar field", groups_in_the_order_of_a_field)
    checks("search aggregation", aggregates_searches)
sys.exit(checks.end())
