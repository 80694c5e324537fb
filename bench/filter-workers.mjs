// Long filters on worker threads: how long a filter over a segment takes and the longest time for which the thread that serves everyone does
// nothing else, evaluated there in slices and on threads, in one run; the best of some rounds. Then what memory that threads share costs:
// appends to columns, and a scan of one. No server. Run on a built tree: node bench/filter-workers.mjs [--quick] [--base ../other]
import { pathToFileURL } from 'node:url';
import { nextBelow, seededRandom } from '../dist/base/random.js';
import { viewOf } from '../dist/expr/evaluate/column-view.js';
import { sliceColumn } from '../dist/model/columns/column.js';
import { encodeWkb } from '../dist/model/geometry/wkb.js';
import { parseWkt } from '../dist/model/geometry/wkt.js';
import { nodeClock, nodeTimers } from '../dist/platform/node/node-time.js';
import { NodeWorkers } from '../dist/platform/node/node-workers.js';
import { Pace } from '../dist/platform/pace.js';
import { ColumnStore } from '../dist/segment/fields/column-store.js';
import { runPlan } from '../dist/segment/filters/run-plan.js';

const isQuick = process.argv.includes('--quick');
const ROWS = isQuick ? 100_000 : 1_000_000;
const ROUNDS = isQuick ? 2 : 4;
const base = process.argv.includes('--base') ? process.argv[process.argv.indexOf('--base') + 1] : undefined;
const NONE = new Uint8Array(0);
const Type = { Int64: 5, VarChar: 21, Array: 22, Geometry: 24 };
const random = seededRandom(7);
const utf8 = new TextEncoder();

const word = () =>
  Array.from({ length: 4 + nextBelow(random, 9) }, () =>
    String.fromCharCode(97 + nextBelow(random, 26)),
  ).join('');

function variable(fieldId, dataType, make) {
  const parts = Array.from({ length: ROWS }, (_, row) => make(row));
  const offsets = new Uint32Array(ROWS + 1);
  for (const [row, part] of parts.entries()) offsets[row + 1] = offsets[row] + part.length;
  const data = new Uint8Array(offsets[ROWS]);
  for (const [row, part] of parts.entries()) data.set(part, offsets[row]);
  return { fieldId, dataType, data, offsets: new Uint8Array(offsets.buffer), valid: NONE };
}

const longs = (count, below) => BigInt64Array.from({ length: count }, () => BigInt(nextBelow(random, below)));
const columns = [
  {
    fieldId: 1n,
    dataType: Type.Int64,
    data: new Uint8Array(longs(ROWS, 1e6).buffer),
    offsets: NONE,
    valid: NONE,
  },
  variable(2n, Type.VarChar, () => utf8.encode(`${word()} ${word()} ${word()}`)),
  variable(3n, Type.Array, () => new Uint8Array(longs(4, 1000).buffer)),
  variable(4n, Type.Geometry, () =>
    encodeWkb(parseWkt(`POINT (${nextBelow(random, 1000) / 10} ${nextBelow(random, 1000) / 10})`)),
  ),
];

const field = (fieldId, name, dataType, elementType = 0) => ({
  fieldId,
  name,
  dataType,
  elementType,
  nullable: true,
});
const long = { kind: 'field', type: 'int', field: field(1n, 'long', Type.Int64) };
const text = { kind: 'field', type: 'text', field: field(2n, 'text', Type.VarChar) };
const set = (parts) => ({
  bools: [],
  ints: new BigInt64Array(0),
  doubles: new Float64Array(0),
  texts: [],
  lists: [],
  ...parts,
});
const wide = { kind: 'constant', type: 'int', value: 1n << 61n };
const corners = Array.from({ length: 65 }, (_, at) => (at % 64) * (Math.PI / 32));
const circle = corners.map((angle) => `${50 + 40 * Math.cos(angle)} ${50 + 40 * Math.sin(angle)}`).join(', ');
const filters = {
  'int64 < x': { kind: 'compare', op: '<', operand: long, value: { type: 'int', value: 500_000n } },
  'int64 in 10,000': {
    ...{ kind: 'in', operand: long },
    values: set({ ints: BigInt64Array.from({ length: 10_000 }, (_, at) => BigInt(at * 211)) }),
  },
  "like '%abc%'": { kind: 'like', operand: text, pattern: { kind: 'infix', text: 'abc' } },
  "regex '[xy]z'": { kind: 'regex', operand: text, source: '[xy]z' },
  'regex with \\b': { kind: 'regex', operand: text, source: '\\b[a-f]+\\b.*(?i:xyz)' },
  'int64 * 2^61 * int64 == 0': {
    ...{ kind: 'compare', op: '==', value: { type: 'int', value: 0n } },
    operand: {
      ...{ kind: 'arithmetic', type: 'int', op: '*', right: long },
      left: { kind: 'arithmetic', type: 'int', op: '*', left: long, right: wide },
    },
  },
  array_contains_all: {
    ...{ kind: 'contains', mode: 'all', values: set({ ints: BigInt64Array.of(7n, 8n) }) },
    operand: { kind: 'field', type: 'list', field: field(3n, 'list', Type.Array, Type.Int64) },
  },
  'st_within a polygon': {
    ...{ kind: 'spatial', op: 'within', field: field(4n, 'place', Type.Geometry) },
    geometry: parseWkt(`POLYGON ((${circle}))`),
  },
};

const views = new Map(
  columns.map((column) => {
    const store = new ColumnStore(column.fieldId, column.dataType, 0);
    store.append(column, ROWS);
    return [column.fieldId, viewOf(store.view())];
  }),
);
const source = { view: (fieldId) => views.get(fieldId) };
const workers = new NodeWorkers();

/** Milliseconds that it takes, and the longest time without a turn of the event loop. */
async function timed(residual, threads) {
  const pace = new Pace({ clock: nodeClock, timers: nodeTimers }, { signal: new AbortController().signal });
  let gapMs = 0;
  let isOver = false;
  await nodeTimers.yield();
  const begin = performance.now();
  let last = begin;
  const turn = () => {
    const now = performance.now();
    gapMs = Math.max(gapMs, now - last);
    last = now;
    if (!isOver) setTimeout(turn, 0);
  };
  setTimeout(turn, 0);
  const plan = { candidates: undefined, residual };
  const { passing } = await runPlan({
    plan,
    columns: source,
    rowCount: ROWS,
    kept: undefined,
    pace,
    threads,
  });
  const tookMs = performance.now() - begin;
  await new Promise((resolve) => setTimeout(resolve, 2));
  isOver = true;
  return { tookMs, gapMs, passing };
}

console.log(
  `${ROWS.toLocaleString('en')} rows, Node ${process.version}, ${workers.parallelism} threads, best of ${ROUNDS}\n`,
);
console.log(
  '| filter | slices: ms | longest gap, ms | threads: ms | longest gap, ms | ratio of times |\n| --- | --- | --- | --- | --- | --- |',
);
for (const [name, predicate] of Object.entries(filters)) {
  const best = { here: undefined, there: undefined };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [where, threads] of [
      ['here', undefined],
      ['there', { workers }],
    ]) {
      const run = await timed(predicate, threads);
      const known = best[where];
      if (known !== undefined && known.passing !== run.passing)
        throw new Error(`${name}: ${known.passing} or ${run.passing} rows`);
      best[where] = {
        passing: run.passing,
        tookMs: Math.min(run.tookMs, known?.tookMs ?? Infinity),
        gapMs: Math.min(run.gapMs, known?.gapMs ?? Infinity),
      };
    }
  }
  const { here, there } = best;
  if (here.passing !== there.passing) throw new Error(`${name}: ${here.passing} or ${there.passing} rows`);
  const numbers = [here.tookMs, here.gapMs, there.tookMs, there.gapMs].map((ms) => ms.toFixed(1));
  console.log(`| ${name} | ${numbers.join(' | ')} | ${(here.tookMs / there.tookMs).toFixed(2)} |`);
}
await workers.close();

const BATCH_ROWS = 1000;
const batchesOf = (column) =>
  Array.from({ length: ROWS / BATCH_ROWS }, (_, at) =>
    sliceColumn(column, at * BATCH_ROWS, (at + 1) * BATCH_ROWS, ROWS),
  );
const inserts = columns.map(batchesOf);

/** Microseconds of the processor for an append of all rows, in batches as inserts bring them, or at once as loads do. */
function appendMicros(Store, isLoad) {
  const begin = process.cpuUsage();
  for (const [at, column] of columns.entries()) {
    const store = new Store(column.fieldId, column.dataType, 0, isLoad ? ROWS : 0);
    if (isLoad) store.append(column, ROWS);
    else for (const batch of inserts[at]) store.append(batch, BATCH_ROWS);
  }
  const { user, system } = process.cpuUsage(begin);
  return user + system;
}

if (base !== undefined) {
  const other = await import(pathToFileURL(`${base}/dist/segment/fields/column-store.js`).href);
  for (const [name, isLoad] of [
    ['loads', true],
    ['inserts', false],
  ]) {
    const micros = { own: [], base: [] };
    for (let round = 0; round < ROUNDS * 4; round++) {
      micros.own.push(appendMicros(ColumnStore, isLoad));
      micros.base.push(appendMicros(other.ColumnStore, isLoad));
    }
    const least = (values) => Math.min(...values);
    console.log(
      `\n${name}: ${(least(micros.own) / 1000).toFixed(1)} ms, base ${(least(micros.base) / 1000).toFixed(1)} ms`,
    );
  }
}
