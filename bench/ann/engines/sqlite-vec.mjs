// sqlite-vec: an extension of SQLite that scans every row (it has no approximate index); through node:sqlite. Filters are boolean metadata
// columns of its virtual table.
import { loadRival } from '../../rivals.mjs';
import { PASS_SHARES, passColumn, passingRows } from '../sets.mjs';

const version = '0.1.9';
const metrics = { L2: 'l2', COSINE: 'cosine' };

async function openDatabase(file) {
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(file, { allowExtension: true });
  loadRival('sqlite-vec', version).load(database);
  return database;
}

const bytesOf = (vector) => new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);

export const engines = [
  {
    name: 'sqlite-vec',
    version,
    parameters: {},
    isInstalled: () => loadRival('sqlite-vec', version) !== undefined,
    buildThreads: [1],
    widthName: 'exact',
    widths: [0],
    async build(set, { file, timed }) {
      const database = await openDatabase(file);
      const columns = PASS_SHARES.map((share) => `${passColumn(share)} boolean`).join(', ');
      database.exec('pragma journal_mode = off; pragma synchronous = off');
      database.exec(
        `create virtual table vectors using vec0(row integer primary key, vector float[${set.dim}] distance_metric=${metrics[set.metric]}, ${columns})`,
      );
      const passing = PASS_SHARES.map((share) => passingRows(set.rows, share).passing);
      const insert = database.prepare(`insert into vectors values (?, ?${', ?'.repeat(PASS_SHARES.length)})`);
      await timed(() => {
        database.exec('begin');
        for (let row = 0; row < set.rows; row++) {
          const flags = passing.map((bits) => BigInt((bits[row >> 3] >> (row & 7)) & 1));
          insert.run(BigInt(row), bytesOf(set.base.subarray(row * set.dim, (row + 1) * set.dim)), ...flags);
        }
        database.exec('commit');
      });
      database.close();
    },
    async open(_set, { file }) {
      const database = await openDatabase(file);
      database.exec('pragma mmap_size = 4294967296');
      const statement = (where) =>
        database.prepare(`select row from vectors where vector match ? and k = ?${where}`);
      const plain = statement('');
      const filtered = new Map(
        PASS_SHARES.map((share) => [share, statement(` and ${passColumn(share)} = 1`)]),
      );
      const rowsOf = (found) => found.map(({ row }) => row);
      return {
        search: (query, k) => rowsOf(plain.all(bytesOf(query), k)),
        filtered: (query, k, _width, { share }) => rowsOf(filtered.get(share).all(bytesOf(query), k)),
      };
    },
  },
];
