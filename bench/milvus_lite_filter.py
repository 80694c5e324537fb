"""Milvus Lite for bench/filter-rivals.mjs: one JSON request a line in, one answer a line out.

Usage: python milvus_lite_filter.py DATABASE_FILE
Requests: {"insert": [rows]} -> {}; {"filter": text} -> {"count": n}, or {"count": null, "why": text} where it refuses the filter.
"""

import json
import logging
import sys

from pymilvus import DataType, MilvusClient

logging.disable(logging.ERROR)
client = MilvusClient(sys.argv[1])
schema = client.create_schema()
schema.add_field("id", DataType.INT64, is_primary=True)
schema.add_field("n", DataType.INT32)
schema.add_field("big", DataType.INT64)
schema.add_field("score", DataType.DOUBLE)
schema.add_field("title", DataType.VARCHAR, max_length=100)
schema.add_field("meta", DataType.JSON)
schema.add_field("tags", DataType.ARRAY, element_type=DataType.INT64, max_capacity=8)
schema.add_field("v", DataType.FLOAT_VECTOR, dim=2)
index = client.prepare_index_params()
index.add_index("v", index_type="FLAT", metric_type="L2")
client.create_collection("t", schema=schema, index_params=index)

for line in sys.stdin:
    request = json.loads(line)
    if "insert" in request:
        client.insert("t", request["insert"])
        answer = {}
    else:
        try:
            answer = {"count": client.query("t", filter=request["filter"], output_fields=["count(*)"])[0]["count(*)"]}
        except Exception as error:
            answer = {"count": None, "why": str(error)}
    print(json.dumps(answer), flush=True)
