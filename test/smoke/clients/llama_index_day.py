"""A day of LlamaIndex's vector store for Python (llama-index-vector-stores-milvus), unmodified: nodes in, queries with filters, MMR, deletes,
and its hybrid and text modes with BM25.

Usage, by the Python where it is installed: python llama_index_day.py ADDRESS
"""

import logging
import math
import os
import sys
import warnings

warnings.simplefilter("ignore")

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.vector_stores.milvus import MilvusVectorStore
from llama_index.vector_stores.milvus.utils import BM25BuiltInFunction

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

logging.disable(logging.CRITICAL)

URI = f"http://{sys.argv[1]}"
NAME = "llama_index_day"
DIM = 8
NODES = 60
ANY = MetadataFilters(filters=[MetadataFilter(key="kind", value=-1, operator=FilterOperator.GT)])
check = Checks()


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def vector(at):
    return [math.sin(at * DIM + i + 1) for i in range(DIM)]


def node(at):
    source = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"doc{at % 3}")}
    return TextNode(id_=f"n{at}", text=f"text {at}", embedding=vector(at), metadata={"kind": at % 4, "title": f"t{at % 5}"}, relationships=source)


def store(**more):
    return MilvusVectorStore(uri=URI, collection_name=NAME, dim=DIM, similarity_metric="COSINE", consistency_level="Strong", **more)


first = store(overwrite=True)


def ids(found):
    return sorted(one.node_id for one in found)


def adds():
    equal(len(first.add([node(at) for at in range(NODES)])), NODES)


def queries():
    found = first.query(VectorStoreQuery(query_embedding=vector(7), similarity_top_k=3))
    equal([len(found.ids), found.ids[0], found.nodes[0].get_content()], [3, "n7", "text 7"])
    equal(found.nodes[0].metadata, {"kind": 3, "title": "t2"})
    assert found.similarities[0] > 0.9999 and sorted(found.similarities, reverse=True) == found.similarities


def filters():
    wanted = MetadataFilters(
        filters=[MetadataFilter(key="kind", value=2), MetadataFilter(key="title", value=["t1", "t2"], operator=FilterOperator.IN)],
        condition=FilterCondition.AND,
    )
    found = first.query(VectorStoreQuery(query_embedding=vector(7), similarity_top_k=30, filters=wanted))
    equal(sorted(found.ids), sorted(f"n{at}" for at in range(NODES) if at % 4 == 2 and at % 5 in (1, 2)))


def diverse():
    found = first.query(VectorStoreQuery(query_embedding=vector(7), similarity_top_k=3, mode=VectorStoreQueryMode.MMR))
    equal([len(set(found.ids)), found.ids[0]], [3, "n7"])


def gets():
    equal(ids(first.get_nodes(node_ids=["n3", "n4", "nobody"])), ["n3", "n4"])
    equal(len(store().get_nodes(filters=ANY)), NODES)


def deletes():
    first.delete("doc1")
    left = [f"n{at}" for at in range(NODES) if at % 3 != 1]
    equal(ids(first.get_nodes(filters=ANY)), sorted(left))
    first.delete_nodes(node_ids=["n0"])
    equal(ids(first.get_nodes(filters=ANY)), sorted(left[1:]))


def hybrid():
    words = ["apples grow on trees", "databases store vectors", "milvus is a vector database", "cats sleep all day"]
    both = MilvusVectorStore(
        uri=URI,
        collection_name=NAME + "_hybrid",
        dim=DIM,
        overwrite=True,
        enable_sparse=True,
        similarity_metric="COSINE",
        consistency_level="Strong",
        sparse_embedding_function=BM25BuiltInFunction(),
        hybrid_ranker="RRFRanker",
        hybrid_ranker_params={},
    )
    both.add([TextNode(id_=f"n{at:02d}", text=words[at % 4], embedding=vector(at), metadata={"kind": at % 3}) for at in range(20)])

    def ask(mode, **more):
        return both.query(VectorStoreQuery(query_embedding=vector(2), query_str="vector database", similarity_top_k=3, mode=mode, **more)).ids

    # All of them have the same words, so their scores are equal.
    assert all(int(one[1:]) % 4 == 2 for one in ask(VectorStoreQueryMode.TEXT_SEARCH))
    equal(ask(VectorStoreQueryMode.HYBRID)[0], "n02")
    only = MetadataFilters(filters=[MetadataFilter(key="kind", value=1)])
    assert all(int(one[1:]) % 3 == 1 for one in ask(VectorStoreQueryMode.HYBRID, filters=only))
    both.clear()


def clears():
    first.clear()
    equal(first.client.has_collection(NAME), False)


check("LlamaIndex adds nodes", adds)
check("LlamaIndex finds the nearest", queries)
check("LlamaIndex filters by metadata", filters)
check("LlamaIndex finds diverse ones", diverse)
check("LlamaIndex gets nodes, in a store that was opened again too", gets)
check("LlamaIndex deletes by document and by node", deletes)
check("LlamaIndex searches by text, and by both", hybrid)
check("LlamaIndex clears its store", clears)
sys.exit(check.end())
