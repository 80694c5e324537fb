"""Full text by pymilvus, unmodified: the steps of Milvus's quick start (a schema with an analyzer and a BM25 function, an index, rows without
vectors, searches by text), filters by words, and hybrid search. Run by the Python of an environment in which one generation is installed.

Usage: python full_text_day.py ADDRESS
"""

import os
import sys
import warnings

warnings.simplefilter("ignore")

import pymilvus
from pymilvus import AnnSearchRequest, DataType, Function, FunctionType, MilvusClient, MilvusException, RRFRanker

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

VERSION = pymilvus.__version__
NAME = "full_text_" + VERSION.replace(".", "_")
checks = Checks()
client = MilvusClient(uri=f"http://{sys.argv[1]}")
TEXTS = [
    "information retrieval is a field of study.",
    "information retrieval focuses on finding relevant information in large datasets.",
    "data mining and information retrieval overlap in research.",
    "cats sleep most of the day.",
]


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def creates():
    client.drop_collection(NAME)
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True, auto_id=True)
    schema.add_field("text", DataType.VARCHAR, max_length=1000, enable_analyzer=True, enable_match=True)
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=2)
    schema.add_function(
        Function(name="text_bm25_emb", input_field_names=["text"], output_field_names=["sparse"], function_type=FunctionType.BM25)
    )
    index = client.prepare_index_params()
    index.add_index(
        field_name="sparse",
        index_type="SPARSE_INVERTED_INDEX",
        metric_type="BM25",
        params={"inverted_index_algo": "DAAT_MAXSCORE", "bm25_k1": 1.2, "bm25_b": 0.75},
    )
    index.add_index(field_name="dense", index_type="AUTOINDEX", metric_type="L2")
    client.create_collection(collection_name=NAME, schema=schema, index_params=index)
    described = client.describe_collection(NAME)
    equal([one["name"] for one in described["functions"]], ["text_bm25_emb"])
    equal([one["name"] for one in described["fields"] if one.get("is_function_output")], ["sparse"])


def inserts():
    equal(client.insert(NAME, [{"text": text, "dense": [at, 0]} for at, text in enumerate(TEXTS)])["insert_count"], 4)


def searches():
    found = client.search(
        collection_name=NAME,
        data=["focus on information retrieval"],
        anns_field="sparse",
        output_fields=["text"],
        limit=3,
        search_params={"params": {"drop_ratio_search": 0.2}},
    )[0]
    equal(len(found), 3)
    equal("cats" in found[0]["entity"]["text"], False)
    assert found[0]["distance"] >= found[1]["distance"] >= found[2]["distance"] > 0
    rare = client.search(NAME, data=["cats", "mining"], anns_field="sparse", limit=2, output_fields=["text"])
    equal([[hit["entity"]["text"] for hit in hits] for hits in rare], [[TEXTS[3]], [TEXTS[2]]])


def filters():
    def texts(keep):
        return sorted(row["text"] for row in client.query(NAME, filter=keep, output_fields=["text"]))

    equal(texts("text_match(text, 'mining cats')"), sorted([TEXTS[2], TEXTS[3]]))
    equal(texts("phrase_match(text, 'field of study')"), [TEXTS[0]])
    found = client.search(NAME, data=["information"], anns_field="sparse", limit=5, filter="text_match(text, 'datasets')", output_fields=["text"])
    equal([hit["entity"]["text"] for hit in found[0]], [TEXTS[1]])


def joins():
    requests = [
        AnnSearchRequest(data=["cats"], anns_field="sparse", param={}, limit=2),
        AnnSearchRequest(data=[[3, 0]], anns_field="dense", param={"metric_type": "L2"}, limit=2),
    ]
    found = client.hybrid_search(NAME, requests, RRFRanker(), limit=2, output_fields=["text"])
    equal(found[0][0]["entity"]["text"], TEXTS[3])


def keeps_its_output():
    try:
        client.query(NAME, filter="id > 0", output_fields=["sparse"], limit=1)
    except MilvusException as error:
        assert "not allowed to retrieve raw data of field sparse" in str(error), error
        return
    raise AssertionError("the output was answered")


def analyzes():
    if not hasattr(client, "run_analyzer"):
        return
    tokens = client.run_analyzer(["Running dogs"], {"type": "english"})
    equal([token if isinstance(token, str) else token.token for token in tokens[0].tokens], ["run", "dog"])


def ends():
    client.drop_collection(NAME)


for step in (creates, inserts, searches, filters, joins, keeps_its_output, analyzes, ends):
    checks(f"full text by pymilvus {VERSION} {step.__name__}", step)
sys.exit(checks.end())
