# Makes what is beside it: rows of every type as pymilvus's LocalBulkWriter writes them, and one table in the forms of Parquet that pyarrow
# knows. pip install pymilvus==3.0.2 pyarrow==26.0.1 pandas minio azure-storage-blob ml_dtypes; python make.py FOLDER
import glob, json, os, shutil, sys
import ml_dtypes
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pymilvus import CollectionSchema, DataType, FieldSchema
from pymilvus.bulk_writer import BulkFileType, LocalBulkWriter

out = sys.argv[1]

# Rows of every type, by the writer of the client.
shutil.rmtree("/tmp/elanus-rows", ignore_errors=True)
os.makedirs("/tmp/elanus-rows")
def schema(numpy=False):
    f=[FieldSchema("id", DataType.INT64, is_primary=True),
       FieldSchema("flag", DataType.BOOL),
       FieldSchema("i8", DataType.INT8), FieldSchema("i16", DataType.INT16), FieldSchema("i32", DataType.INT32),
       FieldSchema("f", DataType.FLOAT), FieldSchema("d", DataType.DOUBLE),
       FieldSchema("name", DataType.VARCHAR, max_length=64),
       FieldSchema("doc", DataType.JSON),
       FieldSchema("v", DataType.FLOAT_VECTOR, dim=8),
       FieldSchema("bits", DataType.BINARY_VECTOR, dim=16),
       FieldSchema("h", DataType.FLOAT16_VECTOR, dim=4),
       FieldSchema("b", DataType.BFLOAT16_VECTOR, dim=4),
       FieldSchema("i8v", DataType.INT8_VECTOR, dim=4)]
    if not numpy:
        f += [FieldSchema("sp", DataType.SPARSE_FLOAT_VECTOR),
              FieldSchema("tags", DataType.ARRAY, element_type=DataType.VARCHAR, max_capacity=8, max_length=16),
              FieldSchema("nums", DataType.ARRAY, element_type=DataType.INT64, max_capacity=8),
              FieldSchema("maybe", DataType.INT32, nullable=True),
              FieldSchema("at", DataType.TIMESTAMPTZ), FieldSchema("place", DataType.GEOMETRY)]
    return CollectionSchema(f, enable_dynamic_field=True)
for name, t in (("parquet",BulkFileType.PARQUET),("json",BulkFileType.JSON),("numpy",BulkFileType.NUMPY),("csv",BulkFileType.CSV)):
    s=schema(name=="numpy")
    w=LocalBulkWriter(schema=s, local_path=os.path.join("/tmp/elanus-rows",name), file_type=t)
    for i in range(50):
        r={"id": 9007199254740993+i, "flag": i%2==0, "i8": i-25, "i16": i*300, "i32": i*70000, "f": i+0.5, "d": i/3,
           "name": f"n{i}, \"q\" é", "doc": {"k": i, "list":[1,2]}, "v": [float(i)]*7+[0.25], "bits":[(i>>k)&1 for k in range(8)]+[1]*8,
           "h": np.array([i,0.5,1,2],dtype=np.float16), "b": np.array([i%2,0.5,1,2],dtype=np.float32).astype(np.float32), "i8v": np.array([i,-i,1,2],dtype=np.int8), "extra": f"x{i}"}
        r["b"]=np.array([i%2,0.5,1,2],dtype=ml_dtypes.bfloat16)
        if name!="numpy":
            r.update({"sp":{i:0.5,1000+i:1.5},"tags":[f"t{i}","z"],"nums":[i,2**60+i],"maybe":None if i%3==0 else i, "at":"2025-01-01T00:00:00Z","place":f"POINT ({i} 2)"})
        w.append_row(r)
    w.commit()
    print(name, w.batch_files)

shutil.copy(glob.glob("/tmp/elanus-rows/parquet/*/1.parquet")[0], f"{out}/rows.parquet")
shutil.copy(glob.glob("/tmp/elanus-rows/csv/*/1.csv")[0], f"{out}/rows.csv")
os.makedirs(f"{out}/numpy", exist_ok=True)
for file in glob.glob("/tmp/elanus-rows/numpy/*/1/*.npy"):
    shutil.copy(file, f"{out}/numpy/")
rows = json.load(open(glob.glob("/tmp/elanus-rows/json/*/1.json")[0]))["rows"]
with open(f"{out}/rows.jsonl", "w") as file:
    file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)

# One table in many forms.
out = f"{out}/parquet"
os.makedirs(out, exist_ok=True)
n=300; dim=5
rng=np.random.default_rng(7)
v=rng.random((n,dim),dtype=np.float32)
ids=np.arange(n,dtype=np.int64)+2**53
def table(vec, extra=None):
    cols={"id":pa.array(ids),"v":vec,"name":pa.array([f"n{i%7}" for i in range(n)])}
    cols.update(extra or {})
    return pa.table(cols)
lists=pa.array([list(map(float,r)) for r in v],type=pa.list_(pa.float32()))
fixed=pa.FixedSizeListArray.from_arrays(pa.array(v.reshape(-1)),dim)
dbl=pa.array([list(map(float,r)) for r in v],type=pa.list_(pa.float64()))
large=pa.array([list(map(float,r)) for r in v],type=pa.large_list(pa.float32()))
nulls=pa.array([None if i%4==1 else list(map(float,r)) for i,r in enumerate(v)],type=pa.list_(pa.float32()))
w=lambda t,name,**k: pq.write_table(t,os.path.join(out,name+".parquet"),**k)
w(table(lists),"plain",compression="none",use_dictionary=False)
w(table(lists),"v2-zstd",compression="zstd",data_page_version="2.0",use_dictionary=False)
w(table(lists),"dictionary-gzip",compression="gzip")
w(table(lists),"brotli-small-pages",compression="brotli",data_page_size=64,use_dictionary=False,write_batch_size=7)
w(table(fixed),"fixed-list",row_group_size=64,use_dictionary=False)
w(table(dbl),"doubles",compression="snappy")
w(table(large),"split",use_dictionary=False,use_byte_stream_split=["v.list.element"],compression="none")
w(table(lists),"deltas",use_dictionary=False,column_encoding={"id":"DELTA_BINARY_PACKED","name":"DELTA_BYTE_ARRAY","v.list.element":"PLAIN"})
w(table(nulls),"null-vectors",data_page_size=200,write_batch_size=5,use_dictionary=False)
w(table(lists,{"when":pa.array([1735689600000000+i for i in range(n)],type=pa.timestamp("us","UTC")),
   "clips":pa.array([[{"label":f"a{j}","n":j} for j in range(i%3)] for i in range(n)],type=pa.list_(pa.struct([("label",pa.string()),("n",pa.int32())]))),
   "extra":pa.array([None if i%2 else i for i in range(n)])}),"nested")
# Structs without a null have pages without levels.
three=lambda **columns: pa.table({"id":pa.array([1,2,3]),"v":lists[:3],"name":pa.array(["a","b","c"]),**columns})
w(three(doc=pa.array([{"a":1,"b":{"c":"x"}},{"a":2,"b":{"c":"y"}},{"a":3,"b":{"c":"z"}}]),
   extra=pa.array([{"k":i} for i in range(3)]),some=pa.array([{"k":1},None,{"k":None}])),"structs")
w(three().slice(0,0),"empty")
