// A program that opens a database and, where a set is named, searches it once. Prints one line of JSON: ms of loading the code, of open() and from
// there to the first answer.
import { memoryParts } from './memory-parts.mjs';

const [, , folder, setName] = process.argv;
const set = setName && (await import('./embedded/data.mjs')).openQueries(setName);
const typed =
  set && (await import('./embedded/elanus.mjs')).engines.find(({ name }) => name === 'elanus, typed client');
const marks = [];
const mark = (name) => marks.push({ name, at: Number(process.hrtime.bigint() / 1000n) });
mark('before our code');
const began = performance.now();
const { open } = await import('../dist/server/open.js');
await import('../dist/server/database.js');
const loaded = performance.now();
mark('loading');
const database = await open(folder === '' ? undefined : folder, { logLevel: 'error', listen: false });
const isOpen = performance.now();
mark('open()');
if (set) {
  const opened = await typed.over(database, set);
  const rows = await opened.search(set.queries.subarray(0, set.dim), 10, 25);
  if (rows.length !== 10) throw new Error(`${rows.length} rows for the first query`);
}
const firstMs = performance.now() - isOpen;
mark('first answer');
const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20);
console.log(
  JSON.stringify({
    importMs: loaded - began,
    openMs: isOpen - loaded,
    firstMs,
    rssMb,
    parts: memoryParts(),
    marks,
  }),
);
process.exit(0);
