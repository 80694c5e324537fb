// Question: what does a database keep in memory for a collection that nobody writes to, and what does it do for all of them? Makes some in process,
// then as many again, and prints the difference, behind collections of garbage, and the processor time of an idle stretch.
//
//     node --expose-gc bench/collections.mjs [COUNT] [PATH]    (1,000 of them; a built checkout, this one unless given)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const count = Number(process.argv[2] ?? 1000);
const root = process.argv[3] ? pathToFileURL(`${process.argv[3]}/`) : new URL('../', import.meta.url);
const dist = (path) => import(new URL(`dist/${path}`, root).href);
if (globalThis.gc === undefined) throw new Error('run it with node --expose-gc');

const { open } = await dist('server/open.js');
const { collection, floatVector, int64 } = await dist('client/connect.js');
const folder = mkdtempSync(join(tmpdir(), 'elanus-collections-'));
const database = await open(folder, { logLevel: 'error', listen: false });
const client = database.client();
const fields = { id: int64().primaryKey(), vector: floatVector(8) };
const AT_ONCE = 50;
/** Two looks at all that is loaded. */
const IDLE_S = 20;

let made = 0;
async function make() {
  for (const end = made + count; made < end; made += AT_ONCE)
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, i) =>
        client.collection(collection(`many_${made + i}`, fields)).create(),
      ),
    );
  for (let pass = 0; pass < 5; pass++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  return process.memoryUsage();
}

const first = await make();
const second = await make();
const kb = (name) => `${((second[name] - first[name]) / count / 1024).toFixed(1)} KB`;
console.log(
  `a collection: ${kb('heapUsed')} of heap, ${kb('rss')} resident; ${made} of them: ${Math.round(second.rss / 2 ** 20)} MB resident`,
);
const before = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, IDLE_S * 1000));
const { user, system } = process.cpuUsage(before);
console.log(`idle: ${((user + system) / 1000 / IDLE_S).toFixed(0)} ms of processor time a second`);
await database.close();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
