// Makes a golden data folder with the build of a checkout: `node test/golden/make-folder.mjs CHECKOUT FILE.gz`. The folder is taken as it
// is while it is open, as after SIGKILL: the log holds rows that no file does. Once for a version with new formats, never for an old one.
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  floatIndexes,
  floats,
  INDEXED_ROWS,
  LOGGED_ROWS,
  otherIndexes,
  partitionOf,
  scalarsOf,
} from './folder-content.mjs';
import { pack } from './pack.mjs';

const [checkout, file] = process.argv.slice(2);
if (file === undefined) throw new Error('usage: node test/golden/make-folder.mjs CHECKOUT FILE.gz');
const folder = await mkdtemp(join(tmpdir(), 'elanus-golden-'));
const { open } = await import(join(resolve(checkout), 'dist/server/open.js'));
const { DataType, MilvusClient } = createRequire(join(resolve(checkout), '/'))('@zilliz/milvus2-sdk-node');
const database = await open(folder, { indexCheckIntervalMs: 200, diskIndexCacheBytes: 1 << 20 });
const client = new MilvusClient({ address: database.address });
await client.connectPromise;
const good = async (what, promise) => {
  const answer = await promise;
  const status = answer.status ?? answer;
  if ((status.code ?? 0) !== 0) throw new Error(`${what}: ${status.code} ${status.reason}`);
  return answer;
};

const key = { name: 'id', data_type: DataType.Int64, is_primary_key: true };

async function indexed(name, indexes, vectorOf) {
  const fields = indexes.map((one) => ({
    name: one.name,
    data_type: DataType[one.type ?? 'FloatVector'],
    ...(one.type === 'SparseFloatVector' ? {} : { dim: one.dim ?? 4 }),
  }));
  await good('create', client.createCollection({ collection_name: name, fields: [key, ...fields] }));
  for (const { name: field_name, index_type, metric_type, params } of indexes)
    await good(
      `index ${field_name}`,
      client.createIndex({
        collection_name: name,
        field_name,
        index_name: field_name,
        index_type,
        metric_type,
        params,
      }),
    );
  const rows = Array.from({ length: INDEXED_ROWS }, (_, id) => ({
    id,
    ...Object.fromEntries(indexes.map((one, at) => [one.name, vectorOf(one, at, id)])),
  }));
  await good('insert', client.insert({ collection_name: name, data: rows }));
  await good('flush', client.flushSync({ collection_names: [name] }));
  for (const { name: field_name } of indexes) {
    for (;;) {
      const answer = await client.describeIndex({ collection_name: name, field_name });
      const [index] = answer.index_descriptions;
      if (index?.state === 'Finished' && Number(index.indexed_rows) === INDEXED_ROWS) break;
      if (index?.state === 'Failed') throw new Error(`${field_name}: ${index.index_state_fail_reason}`);
      await new Promise((next) => setTimeout(next, 50));
    }
  }
}

await indexed('floats', floatIndexes, (_one, at, id) => floats(id, at));
await indexed('others', otherIndexes, (one, _at, id) => one.vectorOf(id));

const scalars = [
  { name: 'bool', data_type: DataType.Bool },
  { name: 'int8', data_type: DataType.Int8 },
  { name: 'int16', data_type: DataType.Int16 },
  { name: 'int32', data_type: DataType.Int32 },
  { name: 'float', data_type: DataType.Float },
  { name: 'double', data_type: DataType.Double },
  { name: 'text', data_type: DataType.VarChar, max_length: 100 },
  { name: 'json', data_type: DataType.JSON },
  { name: 'nullable', data_type: DataType.VarChar, max_length: 20, nullable: true },
];
const vector = { name: 'vector', data_type: DataType.FloatVector, dim: 4 };
await good(
  'create',
  client.createCollection({
    collection_name: 'rows',
    fields: [key, ...scalars, vector],
    shards_num: 2,
    enable_dynamic_field: true,
  }),
);
await good('partition', client.createPartition({ collection_name: 'rows', partition_name: 'even' }));
await good(
  'index',
  client.createIndex({
    collection_name: 'rows',
    field_name: 'vector',
    index_type: 'FLAT',
    metric_type: 'COSINE',
  }),
);
const write = async (kind, begin, end, version) => {
  for (const partition_name of ['_default', 'even']) {
    const keys = Array.from({ length: end - begin }, (_, at) => begin + at).filter(
      (id) => partitionOf(id) === partition_name,
    );
    await good(
      kind,
      client[kind]({
        collection_name: 'rows',
        partition_name,
        data: keys.map((id) => ({ id, vector: floats(id, 50 + version), ...scalarsOf(id, version) })),
      }),
    );
  }
};

const remove = (begin, end) =>
  good(
    'delete',
    client.delete({
      collection_name: 'rows',
      filter: `id in [${Array.from({ length: end - begin }, (_, at) => begin + at)}]`,
    }),
  );
await write('insert', 0, 200, 1);
await good('flush', client.flushSync({ collection_names: ['rows'] }));
await remove(20, 30);
await good('flush', client.flushSync({ collection_names: ['rows'] }));
await remove(150, 170);
await write('upsert', 170, 190, 2);
await write('insert', 200, 200 + LOGGED_ROWS, 3);
// Never flushed: its channel has the checkpoint it was made with.
await good('create', client.createCollection({ collection_name: 'fresh', fields: [key, vector] }));
await good(
  'index',
  client.createIndex({
    collection_name: 'fresh',
    field_name: 'vector',
    index_type: 'FLAT',
    metric_type: 'L2',
  }),
);
await good(
  'insert',
  client.insert({
    collection_name: 'fresh',
    data: Array.from({ length: LOGGED_ROWS }, (_, id) => ({ id, vector: floats(id, 60) })),
  }),
);
await pack(folder, file);
await client.closeConnection();
await database.close();
await rm(folder, { recursive: true });
