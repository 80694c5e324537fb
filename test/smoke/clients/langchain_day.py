"""A day of LangChain's vector store for Python (langchain-milvus), unmodified: documents in, searches with filters, deletes, a collection that
is opened again, and its hybrid search of words (BM25) and vectors.

Usage, by the Python where it is installed: python langchain_day.py ADDRESS
"""

import os
import sys
import warnings

warnings.simplefilter("ignore")

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_milvus import BM25BuiltInFunction, Milvus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

DIM = 16
check = Checks()


class WordCounts(Embeddings):
    """A word adds one to the dimension its letters lead to."""

    def embed_query(self, text):
        counts = [0.01] * DIM
        for word in text.lower().split():
            counts[sum(ord(letter) * 31**at for at, letter in enumerate(word)) % DIM] += 1
        return counts

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def topic(page):
    return "dogs" if page % 2 == 0 else "cats"


def store(**more):
    return Milvus(
        WordCounts(),
        collection_name="langchain_pages",
        connection_args={"uri": f"http://{sys.argv[1]}"},
        consistency_level="Strong",
        index_params={"index_type": "HNSW", "metric_type": "L2", "params": {"M": 8, "efConstruction": 64}},
        # Its default for `ef` is 10, which refuses a larger `k`, as in Milvus.
        search_params={"metric_type": "L2", "params": {"ef": 64}},
        enable_dynamic_field=True,
        **more,
    )


def pages(found):
    return sorted(document.metadata["page"] for document in found)


DOCUMENTS = [Document(page_content=f"page {page} about {topic(page)}", metadata={"topic": topic(page), "page": page}) for page in range(30)]
KEYS = [str(page) for page in range(30)]
held = {}


def adds():
    held["it"] = store(drop_old=True)
    equal(held["it"].add_documents(DOCUMENTS, ids=KEYS), KEYS)


def searches():
    found = held["it"].similarity_search("page 7 about cats", k=3)
    equal([found[0].page_content, found[0].metadata["page"]], ["page 7 about cats", 7])
    scored = held["it"].similarity_search_with_score("page 7 about cats", k=2)
    assert scored[0][1] < 1e-6 <= scored[1][1]
    equal(len(held["it"].max_marginal_relevance_search("page dogs", k=4, fetch_k=10)), 4)


def filters():
    it = held["it"]
    equal(pages(it.similarity_search("dogs", k=30, expr='topic == "cats" and page > 10')), [page for page in range(11, 30) if page % 2 == 1])
    equal(pages(it.similarity_search("dogs", k=30, expr='topic like "c%" and page in [1, 2, 3]')), [1, 3])
    retriever = it.as_retriever(search_kwargs={"k": 5, "expr": "page < 3"})
    equal(pages(retriever.invoke("dogs")), [0, 1, 2])
    equal(pages(it.search_by_metadata("page >= 28", fields=["text", "page"])), [28, 29])


def changes():
    it = held["it"]
    equal(it.get_pks('topic == "cats" and page < 4'), ["1", "3"])
    it.upsert(ids=["3"], documents=[Document(page_content="changed", metadata={"topic": "birds", "page": 3})])
    equal([document.page_content for document in it.similarity_search("changed", k=1, expr='topic == "birds"')], ["changed"])


def deletes():
    it = held["it"]
    it.delete(ids=["0"])
    it.delete(expr="page >= 5")
    equal(pages(it.similarity_search("page", k=30)), [1, 2, 3, 4])


def again():
    equal(pages(store().similarity_search("page", k=30)), [1, 2, 3, 4])
    store(drop_old=True)


def joins_words_and_vectors():
    both = Milvus(
        WordCounts(),
        builtin_function=BM25BuiltInFunction(),
        vector_field=["dense", "sparse"],
        collection_name="langchain_hybrid",
        connection_args={"uri": f"http://{sys.argv[1]}"},
        consistency_level="Strong",
        drop_old=True,
        auto_id=True,
    )
    both.add_documents(DOCUMENTS)
    found = both.similarity_search("17", k=1, ranker_type="weighted", ranker_params={"weights": [0.0, 1.0]})
    equal(found[0].metadata["page"], 17)
    joined = both.similarity_search("page 7 about cats", k=5, fetch_k=10, ranker_type="rrf", ranker_params={"k": 60})
    equal(len(joined), 5)
    assert 7 in pages(joined)
    both.client.drop_collection("langchain_hybrid")


for step in (joins_words_and_vectors, adds, searches, filters, changes, deletes, again):
    check(f"LangChain for Python {step.__name__}", step)
sys.exit(check.end())
