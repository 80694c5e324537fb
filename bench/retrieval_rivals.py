# bench/retrieval.mjs by bm25s and Milvus Lite. Reads in.json of the folder that it is given, and writes out.json: for each candidate the ids that
# were found for each query, or why it is left out.
import json
import os
import sys

folder = sys.argv[1]
data = json.load(open(os.path.join(folder, "in.json")))
texts, queries, top = data["texts"], data["queries"], data["top"]
out = {}


def run(name, search):
    try:
        search()
    except Exception as error:  # a candidate that does not run here is named, and hides no other
        out[name] = f"{type(error).__name__}: {str(error)[:200]}"


def by_bm25s():
    import bm25s

    index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    asked = bm25s.tokenize(queries, stopwords="en", show_progress=False)
    found, _ = index.retrieve(asked, k=top, show_progress=False)
    out["bm25s"] = [[int(row) for row in rows] for rows in found]


def by_milvus_lite():
    from pymilvus import AnnSearchRequest, DataType, Function, FunctionType, MilvusClient, RRFRanker

    client = MilvusClient(os.path.join(folder, "lite.db"))
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    # It has the tokenizers standard and jieba, and no stemmer.
    schema.add_field("text", DataType.VARCHAR, max_length=4000, enable_analyzer=True, analyzer_params={"tokenizer": "standard", "filter": ["lowercase"]})
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=len(data["vectors"][0]))
    schema.add_function(Function(name="bm25", function_type=FunctionType.BM25, input_field_names=["text"], output_field_names=["words"]))
    indexes = client.prepare_index_params()
    indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    indexes.add_index("dense", index_type="FLAT", metric_type="COSINE")
    client.create_collection("meanings", schema=schema, index_params=indexes)
    rows = [{"id": at, "text": text, "dense": data["vectors"][at]} for at, text in enumerate(texts)]
    for begin in range(0, len(rows), 2000):
        client.insert("meanings", rows[begin : begin + 2000])
    client.flush("meanings")
    client.load_collection("meanings")
    found = {"BM25": [], "dense": [], "hybrid": []}
    for text, vector in zip(queries, data["queryVectors"]):
        by_words = AnnSearchRequest([text], "words", {"metric_type": "BM25"}, top)
        by_vector = AnnSearchRequest([vector], "dense", {"metric_type": "COSINE"}, top)
        answers = {
            "BM25": client.search("meanings", [text], anns_field="words", limit=top),
            "dense": client.search("meanings", [vector], anns_field="dense", limit=top),
            "hybrid": client.hybrid_search("meanings", [by_words, by_vector], RRFRanker(), top),
        }
        for form, answer in answers.items():
            found[form].append([hit["id"] for hit in answer[0]])
    for form, ids in found.items():
        out[f"Milvus Lite, {form}"] = ids


run("bm25s", by_bm25s)
run("Milvus Lite", by_milvus_lite)
json.dump(out, open(os.path.join(folder, "out.json"), "w"))
