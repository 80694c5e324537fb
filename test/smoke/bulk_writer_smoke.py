"""What pymilvus's LocalBulkWriter writes (Parquet, JSON, NumPy, CSV) is imported as it is, through its own bulk_import over REST and through
do_bulk_insert over gRPC; a server that is killed while it reads a file goes on after its restart, and each row is there once.

Usage: python bulk_writer_smoke.py NODE    (NODE: the node binary that runs dist/server/main.js)
Needs pymilvus, minio, azure-storage-blob and pandas with pyarrow, as its bulk writer does. Ends with the plain line `N passed, N failed`.
"""

import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time

from pymilvus import DataType, MilvusClient, connections, utility
from pymilvus.bulk_writer import BulkFileType, LocalBulkWriter, bulk_import, get_import_progress

from server_process import Checks, Server

logging.disable(logging.ERROR)
DIM = 16
ROWS = 2000
check = Checks()


def schema_of(is_numpy):
    schema = MilvusClient.create_schema(enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("flag", DataType.BOOL)
    schema.add_field("small", DataType.INT8)
    schema.add_field("real", DataType.DOUBLE)
    schema.add_field("name", DataType.VARCHAR, max_length=64)
    schema.add_field("doc", DataType.JSON)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
    if not is_numpy:
        schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_field("tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=8, max_length=16)
        schema.add_field("maybe", DataType.INT32, nullable=True)
    return schema


def row_of(at, is_numpy):
    row = {
        "id": 2**53 + at,
        "flag": at % 2 == 0,
        "small": at % 100,
        "real": at / 3,
        "name": f'name {at}, "quoted" é',
        "doc": {"at": at, "list": [1, 2]},
        "vector": [float(at % 7)] * (DIM - 1) + [0.25],
        "extra": f"x{at}",
    }
    if not is_numpy:
        row.update({"sparse": {at: 0.5, 9000 + at: 1.5}, "tags": [f"t{at}"], "maybe": None if at % 3 == 0 else at})
    return row


def written(folder, file_type, is_numpy):
    """The sets of files that the writer made, as keys below the folder of objects."""
    objects = os.path.join(folder, "objects")
    base = os.path.join(objects, "bulk")
    os.makedirs(base, exist_ok=True)
    writer = LocalBulkWriter(schema=schema_of(is_numpy), local_path=base, file_type=file_type)
    for at in range(ROWS):
        writer.append_row(row_of(at, is_numpy))
        if at == ROWS // 2:
            writer.commit()
    writer.commit()
    return [[os.path.relpath(path, objects) for path in group] for group in writer.batch_files]


def ended(read):
    for _ in range(600):
        state = read()
        if state in ("Completed", "Failed"):
            return state
        time.sleep(0.05)
    raise AssertionError("the import did not end")


def check_rows(client, name, is_numpy):
    client.load_collection(name)
    assert client.query(name, filter="", output_fields=["count(*)"])[0]["count(*)"] == ROWS
    for at in (0, 1, ROWS // 2, ROWS - 1):
        found = client.get(name, ids=[2**53 + at], output_fields=["*"])[0]
        wanted = row_of(at, is_numpy)
        for key in ("flag", "small", "real", "name", "doc", "extra", "maybe"):
            if key in wanted:
                assert found[key] == wanted[key], f"{key}: {found[key]!r}, expected {wanted[key]!r}"
        assert [round(value, 3) for value in found["vector"]] == wanted["vector"]
        if not is_numpy:
            assert list(found["tags"]) == wanted["tags"]


def created(client, name, is_numpy):
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    if not is_numpy:
        index.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
    client.create_collection(name, schema=schema_of(is_numpy), index_params=index)
    client.release_collection(name)


def through_rest(server, client, folder, kind, is_numpy):
    name = f"rest_{kind.name.lower()}"
    created(client, name, is_numpy)
    files = written(folder, kind, is_numpy)
    answer = bulk_import(url=server.uri, collection_name=name, files=files).json()
    assert answer["code"] == 0, answer
    job = answer["data"]["jobId"]
    progress = lambda: get_import_progress(url=server.uri, job_id=job).json()["data"]
    assert ended(lambda: progress()["state"]) == "Completed", progress()
    found = progress()
    assert found["progress"] == 100 and found["totalRows"] == ROWS, found
    assert len(found["details"]) == len(files), found["details"]
    check_rows(client, name, is_numpy)


def through_grpc(server, client, folder):
    name = "grpc_parquet"
    created(client, name, False)
    files = [key for group in written(folder, BulkFileType.PARQUET, False) for key in group]
    connections.connect(uri=server.uri)
    task = utility.do_bulk_insert(collection_name=name, files=files)
    state = lambda: utility.get_bulk_insert_state(task)
    assert ended(lambda: state().state_name) == "Completed", state()
    check_rows(client, name, False)


def killed(node, folder):
    """Dies while it reads; what the journal does not name is read again."""
    rows = 150_000
    path = os.path.join(folder, "objects", "large.jsonl")
    with open(path, "w") as file:
        for at in range(rows):
            file.write(json.dumps({"id": at, "vector": [at % 7 + 0.5] * 64}) + "\n")
    server = Server(node, folder)
    client = MilvusClient(uri=server.uri)
    client.create_collection("killed", dimension=64, auto_id=False)
    job = bulk_import(url=server.uri, collection_name="killed", files=[["large.jsonl"]]).json()["data"]["jobId"]
    read = lambda: get_import_progress(url=server.uri, job_id=job).json()["data"]
    for _ in range(2000):
        if read()["importedRows"] > 0:
            break
        time.sleep(0.01)
    before = read()
    assert before["state"] == "Importing", before
    client.close()
    server.stop(signal.SIGKILL)
    server = Server(node, folder)
    try:
        read = lambda: get_import_progress(url=server.uri, job_id=job).json()["data"]
        assert ended(lambda: read()["state"]) == "Completed", read()
        client = MilvusClient(uri=server.uri)
        client.load_collection("killed")
        assert client.query("killed", filter="", output_fields=["count(*)"])[0]["count(*)"] == rows
    finally:
        server.stop()


def main():
    node = sys.argv[1]
    folder = tempfile.mkdtemp(prefix="elanus-bulk-")
    try:
        server = Server(node, folder)
        try:
            client = MilvusClient(uri=server.uri)
            for kind in (BulkFileType.PARQUET, BulkFileType.JSON, BulkFileType.NUMPY, BulkFileType.CSV):
                is_numpy = kind == BulkFileType.NUMPY
                check(
                    f"{kind.name} of the bulk writer, through bulk_import",
                    lambda kind=kind, is_numpy=is_numpy: through_rest(server, client, folder, kind, is_numpy),
                )
            check("Parquet through do_bulk_insert", lambda: through_grpc(server, client, folder))
        finally:
            server.stop()
        check("killed while it reads a file", lambda: killed(node, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return check.end()


if __name__ == "__main__":
    sys.exit(main())
