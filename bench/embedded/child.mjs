// One engine in a process of its own: `load` makes the database, `search` is a program that starts on it. Prints one line of JSON.

import { TRUTH_DEPTH } from '../ann/datasets.mjs';
import { PASS_SHARES } from '../ann/sets.mjs';
import { memoryParts } from '../memory-parts.mjs';
import { openBase, openQueries, openTruth } from './data.mjs';
import { engines as ours } from './elanus.mjs';
import { engines as rivals } from './rivals.mjs';

const K = 10;
const RECALL = 0.95;
/** So long every engine searches before it counts: what a program of some seconds does is asked, not what V8 has not compiled yet. */
const WARM_UP_MS = 2000;
/** The rate at first is that of the beginning of it, behind the searches that the width was found by. As in driver.py. */
const AT_FIRST_MS = 250;
const [, , phase, engineName, setName, folder, seconds] = process.argv;
const engine = [...ours, ...rivals].find(({ name }) => name === engineName);
const set = openQueries(setName);
const query = (i) => set.queries.subarray(i * set.dim, (i + 1) * set.dim);
const queryCount = set.queries.length / set.dim;
const rssMb = () => Math.round(process.memoryUsage.rss() / 2 ** 20);

function recallOf(found, truth) {
  let hits = 0;
  for (const [i, rows] of found.entries()) {
    const wanted = new Set(truth.subarray(i * TRUTH_DEPTH, i * TRUTH_DEPTH + K));
    for (const row of rows) if (wanted.has(row)) hits++;
  }
  return hits / (found.length * K);
}

/** The smallest width at which the recall is reached; else the largest. */
async function widthFor(opened, ask, truth) {
  const count = Math.min(100, queryCount);
  let recall = 0;
  let at;
  for (const width of opened.widths ?? engine.widths) {
    await opened.prepare?.(width);
    const found = [];
    for (let i = 0; i < count; i++) found.push(await ask(query(i), width));
    recall = recallOf(found, truth);
    at = width;
    if (recall >= RECALL) break;
  }
  return { width: at, recall };
}

async function rate(ask, callers, forMs) {
  const times = [];
  let next = 0;
  const begin = performance.now();
  const caller = async () => {
    while (performance.now() - begin < forMs) {
      const started = performance.now();
      const answer = ask(query(next++ % queryCount));
      if (answer instanceof Promise) await answer;
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const tookMs = performance.now() - begin;
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return { qps: Math.round((times.length / tookMs) * 1000), p50: at(0.5), p99: at(0.99) };
}

async function search() {
  const opened = await engine.open(set, folder);
  const first = (opened.widths ?? engine.widths)[0];
  await opened.prepare?.(first);
  const firstRows = await opened.search(query(0), K, first);
  const firstMs = performance.now(); // Since the process began.
  if (firstRows.length !== K) throw new Error(`${firstRows.length} rows for the first query`);
  const forMs = Number(seconds) * 1000;
  const { width, recall } = await widthFor(
    opened,
    (vector, w) => opened.search(vector, K, w),
    openTruth(setName),
  );
  await opened.prepare?.(width);
  const ask = (vector) => opened.search(vector, K, width);
  const atFirst = await rate(ask, 1, AT_FIRST_MS);
  await rate(ask, 1, WARM_UP_MS - AT_FIRST_MS);
  const one = await rate(ask, 1, forMs);
  const eight = await rate(ask, 8, forMs);
  const filtered = {};
  for (const share of opened.filtered === undefined ? [] : PASS_SHARES) {
    const found = await widthFor(
      opened,
      (vector, w) => opened.filtered(vector, K, w, share),
      openTruth(setName, share),
    );
    await opened.prepare?.(found.width);
    const { qps } = await rate((vector) => opened.filtered(vector, K, found.width, share), 1, forMs / 2);
    filtered[share] = { qps, recall: found.recall };
  }
  const result = {
    firstMs,
    width,
    recall,
    atFirst,
    one,
    eight,
    filtered,
    rssMb: rssMb(),
    parts: memoryParts(),
  };
  await opened.close();
  return result;
}

async function load() {
  const measured = await engine.load({ ...set, base: openBase(setName) }, folder);
  return { ...measured, rssMb: rssMb() };
}

console.log(JSON.stringify(await (phase === 'load' ? load() : search())));
process.exit(0);
