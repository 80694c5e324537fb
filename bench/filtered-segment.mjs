// One build of Elanus beside others in filtered.mjs: a sealed segment of it, as a query node holds it, and its searches.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const LATEST = 1n << 62n;
const VECTOR = 101n;
const CHUNK = 10_000;

const modules = {
  indexBlock: 'index/block/index-block.js',
  flatIds: 'index/flat/flat-ids.js',
  graphKernel: 'index/graph/codes/graph-kernel.js',
  graphLayout: 'index/graph/nodes/graph-layout.js',
  levels: 'model/params/auto-level.js',
  sparse: 'index/sparse/sparse-index.js',
  vectorIndexes: 'index/vector-indexes.js',
  walkPlan: 'index/block/walk-plan.js',
  column: 'model/columns/column.js',
  platform: 'platform/node/node-platform.js',
  collection: 'proto/milvus/schema.js',
  segmentIndex: 'segment/fields/segment-index.js',
  search: 'segment/search/segment-search.js',
  segment: 'segment/segment-data.js',
};

/** The modules of the checkout `root`, which is built. */
export async function openBuild(root) {
  const of = (path) => import(pathToFileURL(resolve(root, 'dist', path)));
  const loaded = await Promise.all(Object.values(modules).map(of));
  return Object.assign({}, ...loaded);
}

const schemaOf = (build, isSparse, dim) =>
  build.CollectionSchema.fromPartial({
    name: 'c',
    fields: [
      { fieldID: 100n, name: 'id', dataType: 5, isPrimaryKey: true },
      isSparse
        ? { fieldID: VECTOR, name: 'v', dataType: 104 }
        : { fieldID: VECTOR, name: 'v', dataType: 101, typeParams: [{ key: 'dim', value: `${dim}` }] },
    ],
  });

/** @param how what is built: the name of the index, how, the shape of the data, and a folder in which files of indexes are kept */
export async function openSegment(build, set, how) {
  const platform = await build.openNodePlatform({ logLevel: 'silent', parallelism: 2 });
  const side = { build, platform, worked: 0, data: rowsOf(build, platform, set) };
  if (set.sparse !== undefined) attachSparse(side, set);
  else await attachDense(side, set, how);
  return side;
}

function rowsOf(build, platform, { rows, dim, vectors, sparse }) {
  const schema = schemaOf(build, sparse !== undefined, dim);
  const address = { id: 1n, collectionId: 2n, partitionId: 3n };
  const data = new build.SegmentData(platform, { ...address, schema, rowsHint: rows });
  for (let begin = 0; begin < rows; begin += CHUNK) {
    const count = Math.min(CHUNK, rows - begin);
    const keys = Array.from({ length: count }, (_, i) => BigInt(begin + i));
    const of =
      sparse !== undefined
        ? build.columnFromBytes(VECTOR, 104, sparse.slice(begin, begin + count))
        : build.column(VECTOR, 101, new Uint8Array(vectors.buffer, begin * dim * 4, count * dim * 4));
    data.appendBatch(build.batchOf(count, [build.columnFromInt64(100n, keys), of]), 1n);
  }
  data.seal();
  return data;
}

function attachSparse({ build, platform, data }, { sparse }) {
  const { data: bytes, offsets } = build.columnFromBytes(VECTOR, 104, sparse);
  const block = build.sparseBuild({ data: bytes, offsets, metric: 'IP', algorithm: 'DAAT_MAXSCORE' });
  const threads = platform.workers.parallelism + 1;
  const loaded = build.loadSparseIndex(platform.workers, build.decodeIndexBlock(block), threads);
  data.sparseVectors(VECTOR).attach(loaded, 'block');
}

async function attachDense(side, { rows, dim }, { name, how, shape, keep }) {
  const { build, platform, data } = side;
  const of = data.denseVectors(VECTOR);
  const spec = { metric: 'L2', elementType: 'float32', dim, rowCount: rows };
  const kept = keep && join(keep, `filtered-${name}-${rows}-${shape}.block`);
  const block = kept && existsSync(kept) ? new Uint8Array(readFileSync(kept)) : undefined;
  const source = { region: of.region, place: of.store.place };
  const asked = { ...spec, build: how ?? build.chooseIndex(spec) };
  const made = block ?? (await build.buildVectorIndex(platform.workers, asked, source));
  if (kept && block === undefined) writeFileSync(kept, made);
  const loaded = build.loadVectorIndex(platform.workers, made, 'block', platform.workers.parallelism + 1);
  of.attachIndex(new build.SegmentIndex(counting(side), loaded, 'block'));
}

/** Workers that add up the work of walks, in microseconds by the costs of plans. */
const counting = (side) => ({
  parallelism: side.platform.workers.parallelism,
  allocate: (...asked) => side.platform.workers.allocate(...asked),
  release: (region) => side.platform.workers.release(region),
  async run(...asked) {
    const output = await side.platform.workers.run(...asked);
    side.worked += output.spentMicros ?? 0;
    return output;
  },
});

export const vectorsOf = ({ data }) => data.denseVectors(VECTOR);
export const sparseVectorsOf = ({ data }) => data.sparseVectors(VECTOR);

const requestOf = (query, k, params) => ({
  ...{ fieldId: VECTOR, k, readTs: LATEST, params },
  ...(query instanceof Float32Array
    ? { metric: 'L2', queries: query }
    : { metric: 'IP', queries: new Uint8Array(0), sparseQueries: query }),
});

/** Rows of the best `k`. */
export async function searchRows({ build, data }, query, { k, params, passing }) {
  const hits = await build.searchSegment(data, {
    ...requestOf(query, k, params),
    ...(passing && { passing }),
  });
  return hits.rows.subarray(0, hits.counts[0]);
}

export async function explained({ build, data }, query, { k, params, passing }) {
  let plan;
  const report = (of) => {
    plan = of;
  };
  await build.searchSegment(data, { ...requestOf(query, k, params), passing }, undefined, { report });
  return plan.plan;
}

export async function close({ data, platform }) {
  data.release();
  await platform.close();
}
