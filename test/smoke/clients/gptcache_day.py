"""A day of GPTCache over Milvus, unmodified: answers in, near questions, others, deletes, rebuild.

Usage, by the Python where it is installed: python gptcache_day.py ADDRESS
"""

import hashlib
import logging
import os
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")

import numpy as np
from gptcache import cache
from gptcache.adapter.api import get, put
from gptcache.manager import CacheBase, VectorBase, get_data_manager
from gptcache.processor.pre import get_prompt
from gptcache.similarity_evaluation.distance import SearchDistanceEvaluation

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from server_process import Checks

logging.disable(logging.CRITICAL)

HOST, PORT = sys.argv[1].split(":")
DIM = 32
check = Checks()


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def embed(text, **_):
    vector = np.zeros(DIM, dtype=np.float32)
    for word in text.lower().split():
        vector[int(hashlib.md5(word.encode()).hexdigest(), 16) % DIM] += 1
    return vector / (np.linalg.norm(vector) or 1)


def day(folder):
    vectors = VectorBase("milvus", host=HOST, port=PORT, dimension=DIM, collection_name="gptcache_day", top_k=3)
    data = get_data_manager(CacheBase("sqlite", sql_url=f"sqlite:///{folder}/answers.db"), vectors)
    cache.init(pre_embedding_func=get_prompt, embedding_func=embed, data_manager=data, similarity_evaluation=SearchDistanceEvaluation())
    put("what is a vector database", "a database of vectors")
    put("how tall is mount everest", "8849 m")
    equal([get("what is a vector database"), get("how tall is everest mount")], ["a database of vectors", "8849 m"])
    equal(get("completely different words here"), None)
    equal([found for _, found in vectors.search(embed("mount everest"), 2)], [2, 1])
    vectors.delete([1])
    vectors.flush()
    equal([found for _, found in vectors.search(embed("what is a vector database"), 2)], [2])
    vectors.rebuild()
    vectors.close()


with tempfile.TemporaryDirectory() as folder:
    check("GPTCache: answers, near questions, deletes", lambda: day(folder))
sys.exit(check.end())
