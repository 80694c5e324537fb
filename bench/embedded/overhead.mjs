// Question: what does the typed client take for a search beside the engine? The same rows are searched by the engine alone and through the
// client, in turns in one process: one row that grows, where the engine has next to nothing to do, and a sealed segment with a graph.
// The difference is client, calls in the process, checks, roles and hits. Prints a line for each.
//
//     node bench/embedded/overhead.mjs [PATH ...]    (built checkouts to compare, beside this one, in turns with it)
//     EF=64 node bench/embedded/overhead.mjs         (walks of another width)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nextFloat, seededRandom } from '../../dist/base/random.js';
import { bareEngine } from './bare.mjs';

const DIM = 128;
const ROWS = 4000;
const ROUNDS = 60;
const SEARCHES = 400;
const K = 10;
const EF = Number(process.env.EF ?? 16);
const CALLERS = [1, 8];
const checkouts = [
  new URL('../../', import.meta.url),
  ...process.argv.slice(2).map((path) => pathToFileURL(`${path}/`)),
];

const random = seededRandom(7);
const uniform = () => nextFloat(random) - 0.5;
const base = Float32Array.from({ length: ROWS * DIM }, uniform);
const queries = Array.from({ length: 64 }, () => Float32Array.from({ length: DIM }, uniform));

/** The two collections in one database of a checkout. */
async function openChecked(root) {
  const dist = (path) => import(new URL(`dist/${path}`, root).href);
  const { open } = await dist('server/open.js');
  const { collection, floatVector, int64 } = await dist('client/connect.js');
  const folder = mkdtempSync(join(tmpdir(), 'elanus-overhead-'));
  const database = await open(folder, { logLevel: 'error', listen: false });
  const make = async (name, index, rows) => {
    const declaration = collection(name, {
      id: int64().primaryKey(),
      v: floatVector(DIM).index({ metric: 'L2', ...index }),
    });
    const made = database.client().collection(declaration);
    await made.ensure();
    await made.insert.columns({
      id: BigInt64Array.from({ length: rows }, (_, row) => BigInt(row)),
      v: base.subarray(0, rows * DIM),
    });
    return made;
  };
  const one = await make('one', { type: 'FLAT' }, 1);
  const graph = await make('graph', { type: 'HNSW', params: { M: 16, efConstruction: 100 } }, ROWS);
  await graph.flush();
  for (let pending = -1n; pending !== 0n; ) {
    const { indexDescriptions } = await database
      .transport()
      .call('describeIndex', { collectionName: 'graph', indexName: 'v' }, {});
    pending = indexDescriptions[0].indexedRows > 0n ? indexDescriptions[0].pendingIndexRows : -1n;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await graph.load();
  const ask = (rows, params) => (query) =>
    rows.search('v', query, { limit: K, params, consistency: 'eventually', output: [] });
  return { database, folder, one: ask(one, undefined), graph: ask(graph, { ef: EF }) };
}

const opened = [];
for (const root of checkouts) opened.push(await openChecked(root));
const bare = bareEngine({});
const set = { metric: 'L2', dim: DIM };
const engineOf = async (rows) =>
  bare.open({ ...set, name: 'rows', rows, base }, rows === 1 ? undefined : opened[0].folder);
const engines = { one: await engineOf(1), graph: await engineOf(ROWS) };

/** Microseconds of wall time a search, of processor time of this thread and of all, and of the slowest hundredth. */
async function round(ask, callers) {
  let next = 0;
  const times = [];
  const caller = async () => {
    while (next < SEARCHES) {
      const asked = performance.now();
      await ask(queries[next++ % queries.length]);
      times.push(performance.now() - asked);
    }
  };
  const thread = process.threadCpuUsage?.();
  const cpu = process.cpuUsage();
  const begin = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  const wall = (performance.now() - begin) * 1000;
  const sum = ({ user, system }) => user + system;
  const own = thread === undefined ? NaN : sum(process.threadCpuUsage(thread));
  const all = sum(process.cpuUsage(cpu));
  times.sort((a, b) => a - b);
  return [...[wall, own, all].map((micros) => micros / SEARCHES), quantile(times, 0.99) * 1000];
}

const quantile = (sorted, share) => sorted[Math.floor((sorted.length - 1) * share)];
const spread = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return `${quantile(sorted, 0.1).toFixed(1)} ${quantile(sorted, 0.5).toFixed(1)}`;
};

for (const [kind, text] of [
  ['one', 'one growing row'],
  ['graph', `${ROWS} sealed rows with a graph`],
]) {
  const sides = [
    ['engine alone', (query) => engines[kind].search(query, K, EF)],
    ...opened.map((one, at) => [
      at === 0 ? 'typed client' : `typed client of ${process.argv[at + 1]}`,
      one[kind],
    ]),
  ];
  for (const callers of CALLERS) {
    const measured = sides.map(() => []);
    for (let at = 0; at < ROUNDS + 10; at++)
      for (const [side, [, ask]] of sides.entries()) {
        const one = await round(ask, callers);
        if (at >= 10) measured[side].push(one); // The first ones warm up.
      }
    for (const [side, [name]] of sides.entries()) {
      const parts = [0, 1, 2, 3].map((part) => spread(measured[side].map((one) => one[part])));
      console.log(
        `${text}, ${callers} callers, ${name}: ${parts[0]} us a search (best tenth of ${ROUNDS} rounds, and median); processor ${parts[1]} us this thread, ${parts[2]} us all; slowest hundredth ${parts[3]} us`,
      );
      if (side > 0) {
        const beside = measured[side].map(([wall], at) => wall - measured[0][at][0]);
        console.log(`  beside the engine of the same round: ${spread(beside)} us`);
      }
    }
  }
}
for (const { database, folder } of opened) {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
