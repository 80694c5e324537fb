// The engine alone: the same rows and the same index in one sealed segment, searched without a database around it. What the typed client
// takes beyond this is the way to the engine and back. Its files are those that the typed client leaves.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { passingRows } from '../ann/sets.mjs';
import { openBase } from './data.mjs';

const dist = (path) => import(new URL(`../../dist/${path}`, import.meta.url).href);
const BATCH = 10_000;
const VECTOR = 101n;
const LATEST = 1n << 62n;

function blockOf(folder) {
  const files = execFileSync('find', [join(folder, 'objects/index_files'), '-name', 'HNSW']).toString();
  const [file, more] = files.trim().split('\n');
  if (more !== undefined) throw new Error(`several segments with an index, expected one: ${files}`);
  return new Uint8Array(readFileSync(file));
}

/**
 * @param set `base` among it: all vectors, one after the other
 * @param folder of a database with the same rows, for its index; undefined: the rows grow and have none
 */
async function segmentOf({ name, rows, dim, base }, platform, folder) {
  const { CollectionSchema } = await dist('proto/milvus/schema.js');
  const { SegmentData } = await dist('segment/segment-data.js');
  const { batchOf, column, columnFromInt64 } = await dist('model/columns/column.js');
  const schema = CollectionSchema.fromPartial({
    name,
    fields: [
      { fieldID: 100n, name: 'id', dataType: 5, isPrimaryKey: true },
      { fieldID: VECTOR, name: 'v', dataType: 101, typeParams: [{ key: 'dim', value: `${dim}` }] },
    ],
  });
  const address = { id: 1n, collectionId: 2n, partitionId: 3n };
  const data = new SegmentData(platform, { ...address, schema, rowsHint: rows });
  for (let begin = 0; begin < rows; begin += BATCH) {
    const count = Math.min(BATCH, rows - begin);
    const keys = columnFromInt64(
      100n,
      Array.from({ length: count }, (_, i) => BigInt(begin + i)),
    );
    const bytes = new Uint8Array(base.buffer, base.byteOffset + begin * dim * 4, count * dim * 4);
    data.appendBatch(batchOf(count, [keys, column(VECTOR, 101, bytes)]), 1n);
  }
  if (folder === undefined) return data;
  data.seal();
  const { loadVectorIndex } = await dist('index/vector-indexes.js');
  const { SegmentIndex } = await dist('segment/fields/segment-index.js');
  const { workers } = platform;
  const loaded = loadVectorIndex(workers, blockOf(folder), 'block', workers.parallelism + 1);
  data.denseVectors(VECTOR).attachIndex(new SegmentIndex(workers, loaded, 'block'));
  return data;
}

function passingOf(rowCount, share) {
  const { passing: bytes, count: passing } = passingRows(rowCount, share);
  const bits = new Uint32Array(Math.ceil(rowCount / 32));
  new Uint8Array(bits.buffer).set(bytes);
  return { bits, rowCount, passing };
}

/** @param typed how its files are made */
export const bareEngine = (typed) => ({
  ...typed,
  name: 'elanus, bare engine',
  searchesFilesOf: typed.name,
  async open(set, folder) {
    const { openNodePlatform } = await dist('platform/node/node-platform.js');
    const { searchSegment } = await dist('segment/search/segment-search.js');
    const platform = await openNodePlatform({ logLevel: 'silent' });
    const data = await segmentOf({ ...set, base: set.base ?? openBase(set.name) }, platform, folder);
    const filters = new Map();
    const filterOf = (share) => {
      if (!filters.has(share)) filters.set(share, passingOf(set.rows, share));
      return filters.get(share);
    };
    const ask = async (queries, k, ef, passing) => {
      const request = { fieldId: VECTOR, metric: set.metric, queries, k, readTs: LATEST, params: { ef } };
      const { rows, counts } = await searchSegment(data, passing ? { ...request, passing } : request);
      return Array.from(rows.subarray(0, counts[0]));
    };
    return {
      data,
      search: (query, k, width) => ask(query, k, width),
      filtered: (query, k, width, share) => ask(query, k, width, filterOf(share)),
      close: () => platform.close(),
    };
  },
});
