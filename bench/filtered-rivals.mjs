// What runs beside ours in filtered.mjs: hnswlib-node asks a callback about each row it visits, LanceDB filters by a column with a scalar
// index before it searches.
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DIM } from './filtered-data.mjs';
import { loadRival } from './rivals.mjs';

const graph = { m: 16, efConstruction: 200 };
const LANCE = '0.39.0';

/** Those that install here. */
export async function openRivals(set, asked) {
  return [openHnswlib(set, asked), await openLance(set, asked)].filter((rival) => rival !== undefined);
}

function openHnswlib({ rows, vectors }, { k, ef }) {
  const hnswlib = loadRival('hnswlib-node', '3.0.0');
  if (hnswlib === undefined) return undefined;
  const index = new hnswlib.HierarchicalNSW('l2', DIM);
  index.initIndex(rows, graph.m, graph.efConstruction, 100);
  for (let row = 0; row < rows; row++)
    index.addPoint(Array.from(vectors.subarray(row * DIM, (row + 1) * DIM)), row);
  index.setEf(ef);
  return {
    name: 'hnswlib-node',
    search: (query, _column, { excluded }) =>
      index.searchKnn(Array.from(query), k, (row) => (excluded[row >> 3] & (1 << (row & 7))) === 0).neighbors,
    close: () => {},
  };
}

async function openLance({ rows, vectors, columns }, { k, ef }) {
  const lancedb = loadRival('@lancedb/lancedb', LANCE);
  if (lancedb === undefined) return undefined;
  const home = fileURLToPath(new URL(`.rivals/@lancedb+lancedb@${LANCE}/`, import.meta.url));
  const arrow = createRequire(join(home, 'package.json'))('apache-arrow');
  const folder = await mkdtemp(join(tmpdir(), 'elanus-filtered-'));
  const connection = await lancedb.connect(folder);
  const type = new arrow.FixedSizeList(DIM, new arrow.Field('item', new arrow.Float32(), true));
  const child = arrow.makeData({ type: new arrow.Float32(), data: vectors.slice() });
  const table = await connection.createTable(
    'rows',
    new arrow.Table({
      id: arrow.makeVector(Int32Array.from({ length: rows }, (_, row) => row)),
      vector: new arrow.Vector([arrow.makeData({ type, length: rows, nullCount: 0, child })]),
      rank: arrow.makeVector(columns.rank),
      label: arrow.makeVector(columns.label),
    }),
  );
  const config = lancedb.Index.hnswSq({ distanceType: 'l2', numPartitions: 1, ...graph });
  await table.createIndex('vector', { config, waitTimeoutSeconds: 600 });
  for (const name of ['rank', 'label']) await table.createIndex(name, { config: lancedb.Index.btree() });
  return {
    name: 'lancedb',
    async search(query, column, { passing }) {
      const asked = table.vectorSearch(query).distanceType('l2').nprobes(1).ef(ef).refineFactor(2).limit(k);
      const found = await asked.where(`${column} < ${passing.passing}`).select(['id', '_distance']).toArray();
      return found.map(({ id }) => id);
    },
    async close() {
      connection.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
