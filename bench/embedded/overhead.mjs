// Question: what does the typed client take for a search beside the engine? A search of one row through it, where the engine has next to
// nothing to do: all of it is client, calls in the process, checks, roles and hits. Prints a line.
//
//     node bench/embedded/overhead.mjs [PATH]    (a built checkout, this one unless given)
import { pathToFileURL } from 'node:url';

const root = process.argv[2] ? pathToFileURL(`${process.argv[2]}/`) : new URL('../../', import.meta.url);
const dist = (path) => import(new URL(`dist/${path}`, root).href);
const DIM = 384;
const WARM = 5000;
const SEARCHES = 20_000;

const { open } = await dist('server/open.js');
const { collection, floatVector, int64 } = await dist('client/connect.js');
const database = await open(undefined, { logLevel: 'error', listen: false });
const rows = database.client().collection(
  collection('rows', {
    id: int64().primaryKey(),
    v: floatVector(DIM).index({ type: 'FLAT', metric: 'COSINE' }),
  }),
);
await rows.ensure();
await rows.insert.columns({ id: BigInt64Array.of(1n), v: new Float32Array(DIM).fill(1) });
const query = new Float32Array(DIM).fill(0.5);
const options = { limit: 10, consistency: 'eventually', output: [] };
for (let i = 0; i < WARM; i++) await rows.search('v', query, options);
const before = process.cpuUsage();
const micros = new Float64Array(SEARCHES);
for (let i = 0; i < SEARCHES; i++) {
  const begin = performance.now();
  await rows.search('v', query, options);
  micros[i] = (performance.now() - begin) * 1000;
}
const { user, system } = process.cpuUsage(before);
micros.sort();
const at = (share) => micros[Math.floor(SEARCHES * share)].toFixed(1);
console.log(
  `typed client, a search of one row: p10 ${at(0.1)}, p50 ${at(0.5)}, p99 ${at(0.99)} us; processor ${((user + system) / SEARCHES).toFixed(1)} us, all threads`,
);
await database.close();
process.exit(0);
