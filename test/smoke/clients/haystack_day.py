"""A day of Haystack's document store for Milvus (milvus-haystack), unmodified: documents in, filters, retrievers by vectors, by
words (BM25) and by both, deletes.

Usage, by the Python where it is installed: python haystack_day.py ADDRESS
"""

import logging
import math
import os
import sys
import warnings

warnings.simplefilter("ignore")

from haystack import Document
from milvus_haystack import MilvusDocumentStore, MilvusHybridRetriever, MilvusSparseEmbeddingRetriever
from milvus_haystack.function import BM25BuiltInFunction
from milvus_haystack.milvus_embedding_retriever import MilvusEmbeddingRetriever

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

logging.disable(logging.CRITICAL)

URI = f"http://{sys.argv[1]}"
DIM = 8
DOCUMENTS = 60
check = Checks()


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def vector(at):
    return [math.sin(at * DIM + i + 1) for i in range(DIM)]


def store(**more):
    return MilvusDocumentStore(connection_args={"uri": URI}, collection_name="haystack_day", consistency_level="Strong", **more)


first = store(drop_old=True)


def writes():
    documents = [Document(id=f"d{at}", content=f"text {at}", embedding=vector(at), meta={"kind": at % 4, "title": f"t{at % 5}"}) for at in range(DOCUMENTS)]
    equal([first.write_documents(documents), first.count_documents()], [DOCUMENTS, DOCUMENTS])


def filters():
    one = {"field": "meta.kind", "operator": "==", "value": 2}
    equal(sorted(found.id for found in first.filter_documents(one)), sorted(f"d{at}" for at in range(DOCUMENTS) if at % 4 == 2))
    both = {"operator": "AND", "conditions": [one, {"field": "meta.title", "operator": "in", "value": ["t1", "t2"]}]}
    equal(len(first.filter_documents(both)), len([at for at in range(DOCUMENTS) if at % 4 == 2 and at % 5 in (1, 2)]))


def retrieves():
    found = MilvusEmbeddingRetriever(document_store=store(), top_k=3).run(query_embedding=vector(7))["documents"]
    equal([len(found), found[0].id, found[0].content, found[0].meta["kind"]], [3, "d7", "text 7", 3])
    one = {"field": "meta.kind", "operator": "==", "value": 1}
    found = MilvusEmbeddingRetriever(document_store=first, top_k=30, filters=one).run(query_embedding=vector(9))["documents"]
    equal([len(found), found[0].id], [15, "d9"])


def by_words():
    words = ["apples grow on trees", "databases store vectors", "milvus is a vector database", "cats sleep all day"]
    both = MilvusDocumentStore(
        connection_args={"uri": URI},
        collection_name="haystack_day_words",
        consistency_level="Strong",
        drop_old=True,
        text_field="text",
        sparse_vector_field="sparse",
        builtin_function=[BM25BuiltInFunction(input_field_names="text", output_field_names="sparse")],
    )
    both.write_documents([Document(id=f"d{at:02d}", content=words[at % 4], embedding=vector(at)) for at in range(20)])
    found = MilvusSparseEmbeddingRetriever(document_store=both, top_k=3).run(query_text="vector database")["documents"]
    equal([int(one.id[1:]) % 4 for one in found], [2, 2, 2])
    found = MilvusHybridRetriever(document_store=both, top_k=3).run(query_embedding=vector(2), query_text="vector database")["documents"]
    equal([len(found), found[0].id], [3, "d02"])


def deletes():
    first.delete_documents(["d1", "d2"])
    equal(first.count_documents(), DOCUMENTS - 2)
    equal([found.id for found in first.filter_documents({"field": "id", "operator": "in", "value": ["d1", "d2", "d3"]})], ["d3"])


check("Haystack writes documents", writes)
check("Haystack filters them", filters)
check("Haystack retrieves the nearest", retrieves)
check("Haystack retrieves by words, and by both", by_words)
check("Haystack deletes", deletes)
sys.exit(check.end())
