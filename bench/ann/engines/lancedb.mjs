// LanceDB: an embedded database in Rust, used as its documentation says: a table, an IVF_HNSW_SQ index with one partition (so that it is
// one graph, as the others), answers refined with the exact vectors. Filters are booleans with a bitmap index, applied before the search. It builds on all cores.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadRival } from '../../rivals.mjs';
import { graphParameters } from '../parameters.mjs';
import { PASS_SHARES, passColumn, passingRows } from '../sets.mjs';

const version = '0.39.0';
const metrics = { L2: 'l2', IP: 'dot', COSINE: 'cosine' };
const CHUNK = 20_000;
const home = fileURLToPath(new URL(`../../.rivals/@lancedb+lancedb@${version}/`, import.meta.url));

export const engines = [
  {
    name: 'lancedb',
    version,
    parameters: { ...graphParameters, index: 'IVF_HNSW_SQ', partitions: 1, refine: 2 },
    isInstalled: () => loadRival('@lancedb/lancedb', version) !== undefined,
    buildThreads: [2],
    widthName: 'ef',
    widths: [20, 32, 64, 128, 256, 512],
    async build(set, { file, timed }) {
      const lancedb = loadRival('@lancedb/lancedb', version);
      const { dim, rows, base, metric } = set;
      const connection = await lancedb.connect(file);
      const table = await fill(connection, base, rows, dim);
      await timed(() =>
        table.createIndex('vector', {
          config: lancedb.Index.hnswSq({
            distanceType: metrics[metric],
            numPartitions: 1,
            m: graphParameters.M,
            efConstruction: graphParameters.efConstruction,
          }),
          waitTimeoutSeconds: 3600,
        }),
      );
      for (const share of PASS_SHARES)
        await table.createIndex(passColumn(share), { config: lancedb.Index.bitmap() });
      connection.close();
    },
    async open(set, { file }) {
      const lancedb = loadRival('@lancedb/lancedb', version);
      const connection = await lancedb.connect(file);
      const table = await connection.openTable('rows');
      const metric = metrics[set.metric];
      const search = async (query, k, ef, predicate) => {
        const asked = table
          .vectorSearch(query)
          .distanceType(metric)
          .nprobes(1)
          .ef(ef)
          .refineFactor(2)
          .limit(k)
          .select(['id', '_distance']);
        const found = await (predicate ? asked.where(predicate) : asked).toArray();
        return found.map((row) => row.id);
      };
      return {
        search: (query, k, ef) => search(query, k, ef),
        filtered: (query, k, ef, { share }) => search(query, k, ef, `${passColumn(share)} = true`),
      };
    },
  },
];

async function fill(connection, base, rows, dim) {
  const arrow = createRequire(join(home, 'package.json'))('apache-arrow');
  const vectorType = new arrow.FixedSizeList(dim, new arrow.Field('item', new arrow.Float32(), true));
  const passing = PASS_SHARES.map((share) => ({ name: passColumn(share), ...passingRows(rows, share) }));
  let table;
  for (let begin = 0; begin < rows; begin += CHUNK) {
    const count = Math.min(CHUNK, rows - begin);
    const child = arrow.makeData({
      type: new arrow.Float32(),
      data: base.slice(begin * dim, (begin + count) * dim),
    });
    const columns = {
      id: arrow.makeVector(Int32Array.from({ length: count }, (_, i) => begin + i)),
      vector: new arrow.Vector([arrow.makeData({ type: vectorType, length: count, nullCount: 0, child })]),
    };
    for (const { name, passing: bits } of passing) {
      const flags = Array.from(
        { length: count },
        (_, i) => (bits[(begin + i) >> 3] & (1 << ((begin + i) & 7))) !== 0,
      );
      columns[name] = arrow.vectorFromArray(flags, new arrow.Bool());
    }
    const part = new arrow.Table(columns);
    if (table) await table.add(part);
    else table = await connection.createTable('rows', part);
  }
  return table;
}
