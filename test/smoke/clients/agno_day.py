"""A day of agno's vector database for Milvus, unmodified: documents in, searches by vectors and hybrid, sync and async, what is there, deletes.

Usage, by the Python where it is installed: python agno_day.py ADDRESS
"""

import asyncio
import hashlib
import logging
import os
import sys
import warnings

warnings.simplefilter("ignore")

from agno.knowledge.document import Document
from agno.knowledge.embedder.base import Embedder
from agno.vectordb.milvus import Milvus
from agno.vectordb.search import SearchType

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

logging.disable(logging.CRITICAL)

URI = f"http://{sys.argv[1]}"
DIM = 64
check = Checks()


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


class WordEmbedder(Embedder):
    """A number for each word: texts of the same words are near."""

    def get_embedding(self, text):
        vector = [0.0] * DIM
        for word in text.lower().split():
            vector[int(hashlib.md5(word.encode()).hexdigest(), 16) % DIM] += 1.0
        return vector

    def get_embedding_and_usage(self, text):
        return self.get_embedding(text), None

    async def async_get_embedding(self, text):
        return self.get_embedding(text)

    async def async_get_embedding_and_usage(self, text):
        return self.get_embedding(text), None


TEXTS = {"one": "alice bakes bread in berlin", "two": "bob sails on the sea near hamburg", "three": "carol paints houses in berlin"}


def documents():
    all_of_them = [Document(id=name, name=name, content=text, content_id=f"content {name}") for name, text in TEXTS.items()]
    # Hybrid inserts take the vectors of a document before they make them.
    for document in all_of_them:
        document.embed(embedder=WordEmbedder(dimensions=DIM))
    return all_of_them


def store(name, kind):
    return Milvus(collection=name, uri=URI, embedder=WordEmbedder(dimensions=DIM), search_type=kind)


def contents(found):
    return [document.content for document in found]


def day_of(kind):
    db = store(f"agno_{kind.value}", kind)
    db.drop()
    db.create()
    equal(db.exists(), True)
    db.insert(content_hash="first", documents=documents())
    db.upsert(content_hash="first", documents=documents())
    equal(contents(db.search("bread berlin", limit=1)), [TEXTS["one"]])
    equal(contents(db.search("the sea near hamburg", limit=1)), [TEXTS["two"]])
    equal([db.name_exists("one"), db.name_exists("nine"), db.content_hash_exists("first")], [True, False, True])
    equal(db.delete_by_name("one"), True)
    equal(db.delete_by_content_id("content two"), True)
    equal(contents(db.search("berlin", limit=5)), [TEXTS["three"]])
    db.drop()
    equal(db.exists(), False)


async def asynchronous():
    db = store("agno_async", SearchType.vector)
    await db.async_drop()
    await db.async_create()
    await db.async_insert(content_hash="first", documents=documents())
    equal(contents(await db.async_search("sea hamburg", limit=1)), [TEXTS["two"]])
    await db.async_drop()


check("agno: vectors", lambda: day_of(SearchType.vector))
check("agno: hybrid", lambda: day_of(SearchType.hybrid))
check("agno: async", lambda: asyncio.run(asynchronous()))
sys.exit(check.end())
