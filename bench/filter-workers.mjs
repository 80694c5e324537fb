// Long filters on worker threads: how long a filter over a segment takes and the longest time for which the thread that serves everyone does
// nothing else, evaluated there in slices and on threads, in one run; the best of some rounds. Then what memory that threads share costs:
// appends to columns, and a scan of one; and how long a request with a list of a million values keeps the thread, from its bytes to the
// filter that is read. No server. Run on a built tree: node bench/filter-workers.mjs [--quick] [--base ../other]
// [--only PART-OF-A-NAME,…]
import { pathToFileURL } from 'node:url';
import { nextBelow, seededRandom } from '../dist/base/random.js';
import { viewOf } from '../dist/expr/evaluate/column-view.js';
import { sliceColumn } from '../dist/model/columns/column.js';
import { encodeInt64s } from '../dist/model/columns/packed-array.js';
import { encodeWkb } from '../dist/model/geometry/wkb.js';
import { parseWkt } from '../dist/model/geometry/wkt.js';
import { encodeTexts } from '../dist/model/text-list.js';
import { nodeClock, nodeTimers } from '../dist/platform/node/node-time.js';
import { NodeWorkers } from '../dist/platform/node/node-workers.js';
import { Pace } from '../dist/platform/pace.js';
import { QueryRequest } from '../dist/proto/milvus/milvus.js';
import { ColumnStore } from '../dist/segment/fields/column-store.js';
import { runPlan } from '../dist/segment/filters/run-plan.js';

const isQuick = process.argv.includes('--quick');
const ROWS = isQuick ? 100_000 : 1_000_000;
const ROUNDS = isQuick ? 2 : 4;
/** Parts of names of filters and requests. */
const only = process.argv.includes('--only')
  ? process.argv[process.argv.indexOf('--only') + 1].split(',')
  : [''];
const isAsked = ([name]) => only.some((part) => name.includes(part));
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

/** Milliseconds that something takes, and the longest time without a turn of the event loop. */
async function watched(run) {
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
  const result = await run();
  const tookMs = performance.now() - begin;
  await new Promise((resolve) => setTimeout(resolve, 2));
  isOver = true;
  return { tookMs, gapMs, result };
}

async function timed(residual, threads) {
  const pace = new Pace({ clock: nodeClock, timers: nodeTimers }, { signal: new AbortController().signal });
  const plan = { candidates: undefined, residual };
  const { tookMs, gapMs, result } = await watched(() =>
    runPlan({ plan, columns: source, rowCount: ROWS, kept: undefined, pace, threads }),
  );
  return { tookMs, gapMs, passing: result.passing };
}

console.log(
  `${ROWS.toLocaleString('en')} rows, Node ${process.version}, ${workers.parallelism} threads, best of ${ROUNDS}\n`,
);
console.log(
  '| filter | slices: ms | longest gap, ms | threads: ms | longest gap, ms | ratio of times |\n| --- | --- | --- | --- | --- | --- |',
);
for (const [name, predicate] of Object.entries(filters).filter(isAsked)) {
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

const schema = {
  name: 'rows',
  fields: [
    { fieldID: 100n, name: 'id', dataType: Type.VarChar, isPrimaryKey: true },
    { fieldID: 1n, name: 'long', dataType: Type.Int64 },
    { fieldID: 2n, name: 'text', dataType: Type.VarChar },
  ],
};

/** Requests with a list of as many values as there are rows. */
function requests() {
  const templates = (data) => ({ list: { val: { $case: 'arrayVal', value: { data } } } });
  const texts = Array.from({ length: ROWS }, (_, at) => `${word()}-${at}`);
  const textsOf = { $case: 'stringData', value: encodeTexts(texts) };
  const numbers = {
    $case: 'longData',
    value: { data: encodeInt64s(new Uint8Array(longs(ROWS, 1e9).buffer)) },
  };
  const bytesOf = (expr, exprTemplateValues) =>
    QueryRequest.encode(QueryRequest.fromPartial({ expr, exprTemplateValues })).finish();
  return [
    ['int64 in {list}', bytesOf('long in {list}', templates(numbers))],
    ['text in {list}', bytesOf('text in {list}', templates(textsOf))],
    ['keys in {list}', bytesOf('id in {list}', templates(textsOf))],
    ['text in [...]', bytesOf(`text in [${texts.map((text) => `"${text}"`).join(',')}]`, {})],
  ];
}

/** Reads a request as a server does, with the modules of a checkout. */
async function readerOf(root) {
  const load = (path) => import(new URL(path, root).href);
  const { decodeBounded } = await load('model/bounded-decode.js');
  const { readAnyFilter } = await load('segment/sent-filter.js');
  const { QueryRequest: Request } = await load('proto/milvus/milvus.js');
  const { CollectionSchema } = await load('proto/milvus/schema.js');
  const { NodeWorkers: Workers } = await load('platform/node/node-workers.js');
  const its = new Workers();
  const plain = CollectionSchema.fromPartial(schema);
  return {
    read: async (bytes) => {
      const { message } = decodeBounded(Request, bytes, 16 * 2 ** 20);
      return readAnyFilter(its, plain, { text: message.expr, templates: message.exprTemplateValues });
    },
    close: () => its.close(),
  };
}

const readers = [['own', await readerOf(new URL('../dist/', import.meta.url))]];
if (base !== undefined) readers.push(['base', await readerOf(pathToFileURL(`${base}/dist/`))]);
console.log(
  `\n| request with ${ROWS.toLocaleString('en')} values | by | ms | longest gap, ms |\n| --- | --- | --- | --- |`,
);
for (const [name, bytes] of requests().filter(isAsked)) {
  for (const [by, { read }] of readers) {
    const runs = [];
    for (let round = 0; round < ROUNDS; round++) runs.push(await watched(() => read(bytes)));
    const least = (key) => Math.min(...runs.map((run) => run[key])).toFixed(1);
    console.log(`| ${name} | ${by} | ${least('tookMs')} | ${least('gapMs')} |`);
  }
}
for (const [, { close }] of readers) await close();

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
