"""The files of a server that other tools read: the examples of docs/formats/insert-log.md, run as they stand there.

Usage: python parquet_tools.py NODE    (NODE: the node binary that runs dist/server/main.js)
Prints one line a check and ends with the plain line `N passed, N failed`; exit code 1 on failure.
"""

import math
import os
import re
import shutil
import signal
import sys
import tempfile

import duckdb
import pyarrow.parquet as parquet
from pymilvus import DataType, MilvusClient

from server_process import Checks, Server

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "..", "docs", "formats", "insert-log.md")
ROWS = 500
check = Checks()


def row(at):
    angle = at * 0.01
    return {
        "id": at,
        "title": f"page {at}",
        "meta": {"lang": "en" if at % 3 == 0 else "de"},
        "embedding": [math.cos(angle), math.sin(angle), 0.0, 0.0],
    }


def equal(actual, expected):
    assert actual == expected, f"{actual!r}, expected {expected!r}"


def fill(uri):
    client = MilvusClient(uri=uri)
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("title", DataType.VARCHAR, max_length=100)
    schema.add_field("meta", DataType.JSON)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=4)
    index = client.prepare_index_params()
    index.add_index(field_name="embedding", metric_type="COSINE", index_type="FLAT")
    client.create_collection("pages", schema=schema, index_params=index)
    client.insert("pages", [row(at) for at in range(ROWS)])
    client.flush("pages")
    client.close()


def examples():
    with open(PAGE, encoding="utf-8") as page:
        return {tool: code for _, tool, code in re.findall(r"```(sql|python) (\w+)\n(.*?)```", page.read(), re.S)}


def run_python(code):
    names = {}
    exec(code, names)
    return names["result"]


def english(count):
    return [at for at in range(ROWS) if at % 3 == 0][:count]


def main():
    folder = tempfile.mkdtemp(prefix="elanus-parquet-")
    server = Server(sys.argv[1], folder)
    try:
        check("rows go into files", lambda: fill(server.uri))
        check("clean stop", lambda: equal(server.stop(), 0))
        os.chdir(folder)
        found = examples()
        check("DuckDB", lambda: equal([one[0] for one in duckdb.sql(found["duckdb"]).fetchall()], english(3)))
        check("pyarrow", lambda: equal(run_python(found["pyarrow"]), [0, 1, 2]))
        check("pandas", lambda: equal(run_python(found["pandas"]), english(3)))
        check("polars", lambda: equal(run_python(found["polars"]), english(3)))

        def row_ids():
            files = duckdb.sql("SELECT file FROM glob('objects/insert_log/*/*/*/0/*.parquet')").fetchall()
            ids = [one for (path,) in files for one in parquet.read_table(path)["RowID"].to_pylist()]
            equal((len(ids), len(set(ids)), 0 in ids), (ROWS, ROWS, False))

        check("row ids are unique", row_ids)

        def statistics():
            (path,) = [one for (one,) in duckdb.sql("SELECT file FROM glob('objects/insert_log/*/*/*/0/*.parquet')").fetchall()]
            chunks = parquet.ParquetFile(path).metadata.row_group(0)
            found = {chunks.column(at).path_in_schema: chunks.column(at).statistics for at in range(chunks.num_columns)}
            equal((found["id"].min, found["id"].max, found["id"].null_count), (0, ROWS - 1, 0))
            equal((found["title"].min, found["title"].max), ("page 0", "page 99"))
            equal((found["meta"].has_min_max, found["meta"].null_count), (False, 0))
            for key, is_out in ((7, False), (ROWS + 77, True)):
                probe = duckdb.sql(f"SELECT bloom_filter_excludes FROM parquet_bloom_probe('{path}', 'id', {key})")
                equal(probe.fetchall(), [(is_out,)])

        check("statistics and bloom filter", statistics)
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(check.end())


main()
