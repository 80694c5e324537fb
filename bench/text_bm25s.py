# Searches of bench/text.mjs by bm25s with its numba backend: a row like those of the others.
import json
import math
import statistics
import sys
import time

import bm25s

data = json.load(open(sys.argv[1]))
begin = time.process_time()
words = [text.rstrip(".").lower().split() for text in data["texts"]]
index = bm25s.BM25(method="lucene", k1=1.2, b=0.75, backend="numba")
index.index(words, show_progress=False)
build = time.process_time() - begin
queries = [(at, text.lower().split()) for at, text in data["queries"]]
options = dict(k=10, show_progress=False, n_threads=1)
index.retrieve([queries[0][1]], **options)  # compiles
rounds = []
for _ in range(data["rounds"]):
    begin = time.process_time()
    found, _ = index.retrieve([text for _, text in queries], **options)
    rounds.append((time.process_time() - begin) / len(queries))
gain = 0.0
for (at, _), rows in zip(queries, found):
    ranks = [rank for rank, row in enumerate(rows) if int(row) == at]
    gain += 1 / math.log2(ranks[0] + 2) if ranks else 0
rate = 1 / statistics.median(rounds)
print(f"{'bm25s, numba':<18} {rate:7.0f} queries/s, nDCG@10 {gain / len(queries):.3f}, build {build:.1f} s")
