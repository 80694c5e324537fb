// Filters with and without scalar indexes: milliseconds for one filter over a segment, planned and run as a query-node does, and what indexes
// cost to build and to keep. No server, one thread; the best of some rounds. Run on a built tree: node bench/filter-index.mjs [--quick]
import { nextBelow, seededRandom } from '../dist/base/random.js';
import { viewOf } from '../dist/expr/evaluate/column-view.js';
import { scalarBuild } from '../dist/index/scalar/build-scalar-index.js';
import { decodeScalarIndexFile } from '../dist/index/scalar/scalar-index-file.js';
import { blockRanges } from '../dist/index/scalar/statistics/block-ranges.js';
import { encodeWkb } from '../dist/model/geometry/wkb.js';
import { planFilter } from '../dist/segment/filters/filter-plan.js';
import { runPlan } from '../dist/segment/filters/run-plan.js';
import { scanNanos } from '../dist/segment/filters/scan-cost.js';
import { bestSource, blocksWithin } from '../dist/segment/filters/segment-facts.js';

const ROWS = process.argv.includes('--quick') ? 100_000 : 1_000_000;
const ROUNDS = process.argv.includes('--quick') ? 3 : 7;
const Type = { Int8: 2, Int32: 4, Int64: 5, VarChar: 21, Array: 22, JSON: 23, Geometry: 24 };
const NONE = new Uint8Array(0);
const random = seededRandom(7);
const utf8 = new TextEncoder();

/** 4 to 12 letters. */
const word = () =>
  Array.from({ length: 4 + nextBelow(random, 9) }, () =>
    String.fromCharCode(97 + nextBelow(random, 26)),
  ).join('');

function variable(fieldId, dataType, make) {
  const parts = [];
  const offsets = new Uint32Array(ROWS + 1);
  for (let row = 0; row < ROWS; row++) {
    const part = make(row);
    parts.push(part);
    offsets[row + 1] = offsets[row] + part.length;
  }
  const data = new Uint8Array(offsets[ROWS]);
  for (let row = 0; row < ROWS; row++) data.set(parts[row], offsets[row]);
  return { fieldId, dataType, data, offsets: new Uint8Array(offsets.buffer), valid: NONE };
}

const fixed = (fieldId, dataType, values) => ({
  ...{ fieldId, dataType, data: new Uint8Array(values.buffer), offsets: NONE, valid: NONE },
});

const ints = Int32Array.from({ length: ROWS }, () => nextBelow(random, 1_000_000));
const colours = Array.from({ length: 100 }, word);
const degrees = (span) => nextBelow(random, span * 1000) / 1000 - span / 2;
const columns = {
  int: fixed(1n, Type.Int32, ints),
  time: fixed(
    2n,
    Type.Int64,
    BigInt64Array.from({ length: ROWS }, (_, row) => BigInt(row)),
  ),
  text: variable(3n, Type.VarChar, () => utf8.encode(`${word()} ${word()} ${word()}`)),
  colour: variable(4n, Type.VarChar, () => utf8.encode(colours[nextBelow(random, 100)])),
  json: variable(5n, Type.JSON, (row) =>
    utf8.encode(
      `{"name":"${word()}","price":${ints[row]},"nested":{"score":${row},"tags":["a","${word()}"]}}`,
    ),
  ),
  tags: variable(
    6n,
    Type.Array,
    () => new Uint8Array(BigInt64Array.from({ length: 4 }, () => BigInt(nextBelow(random, 10_000))).buffer),
  ),
  kind: fixed(
    8n,
    Type.Int8,
    Int8Array.from({ length: ROWS }, () => nextBelow(random, 3)),
  ),
  day: fixed(
    9n,
    Type.Int32,
    Int32Array.from({ length: ROWS }, (_, row) => Math.floor((row * 365) / ROWS)),
  ),
  place: variable(7n, Type.Geometry, () =>
    encodeWkb({ kind: 'point', positions: Float64Array.of(degrees(360), degrees(180)) }),
  ),
};

const specs = [
  ['int', 'STL_SORT', { kind: 'values' }],
  ['text', 'Trie', { kind: 'values' }],
  ['text', 'NGRAM', { kind: 'grams', sizes: [2, 3] }],
  ['colour', 'BITMAP', { kind: 'values' }],
  ['kind', 'BITMAP', { kind: 'values' }],
  ['day', 'BITMAP', { kind: 'values' }],
  ['json', 'JSON path, double', { kind: 'path', path: ['price'], cast: 'double', isList: false }],
  ['json', 'JSON path, varchar', { kind: 'path', path: ['name'], cast: 'text', isList: false }],
  ['tags', 'INVERTED', { kind: 'elements' }],
  ['place', 'RTREE', { kind: 'boxes' }],
];

console.log(`${ROWS.toLocaleString('en')} rows, Node ${process.version}, one thread\n`);
console.log('| index | column | build, s | MB | load, ms |\n| --- | --- | --- | --- | --- |');
const indexes = specs.map(([name, indexType, spec]) => {
  const elementType = name === 'tags' ? Type.Int64 : 0;
  const begun = performance.now();
  const bytes = scalarBuild({ column: columns[name], elementType, rowCount: ROWS, spec });
  const built = performance.now();
  const index = decodeScalarIndexFile(bytes);
  const loaded = performance.now();
  console.log(
    `| ${indexType} | ${name} | ${((built - begun) / 1000).toFixed(2)} | ${(bytes.length / 1e6).toFixed(1)} | ${(loaded - built).toFixed(0)} |`,
  );
  return { index, indexType };
});

const views = new Map(Object.values(columns).map((column) => [column.fieldId, viewOf(column)]));
const source = { view: (fieldId) => views.get(fieldId) };
const ranges = new Map();
const field = (name) => ({
  fieldId: columns[name].fieldId,
  name,
  dataType: columns[name].dataType,
  elementType: name === 'tags' ? Type.Int64 : 0,
  nullable: true,
});
const plain = (name, type) => ({ kind: 'field', type, field: field(name) });
const path = (...steps) => ({ kind: 'json', type: 'json', field: field('json'), path: steps });
const int = (value) => ({ type: 'int', value: BigInt(value) });
const compare = (operand, op, value) => ({ kind: 'compare', operand, op, value });
const like = (operand, kind, text) => ({ kind: 'like', operand, pattern: { kind, text } });
const set = (parts) => ({
  ...{ bools: [], ints: new BigInt64Array(0), doubles: new Float64Array(0), texts: [], lists: [] },
  ...parts,
});
const every = (count, step) => BigInt64Array.from({ length: count }, (_, at) => BigInt(at * step));
const square = (x, y, size) => ({
  kind: 'polygon',
  rings: [Float64Array.of(x, y, x + size, y, x + size, y + size, x, y + size, x, y)],
});

const filters = [
  ['int == x', compare(plain('int', 'int'), '==', int(ints[77]))],
  ['int in 10', { kind: 'in', operand: plain('int', 'int'), values: set({ ints: every(10, 200_003) }) }],
  ['int in 10,000', { kind: 'in', operand: plain('int', 'int'), values: set({ ints: every(10_000, 97) }) }],
  ['int < 1 %', compare(plain('int', 'int'), '<', int(10_000))],
  ['int < 50 %', compare(plain('int', 'int'), '<', int(500_000))],
  ['time >= x, rising with the rows, no index', compare(plain('time', 'int'), '>=', int(ROWS - 1000))],
  ["text == 'x'", compare(plain('text', 'text'), '==', { type: 'text', value: 'hello world again' })],
  ["text like 'abc%'", like(plain('text', 'text'), 'prefix', 'abc')],
  ["text like '%abc%'", like(plain('text', 'text'), 'infix', 'abc')],
  ["text like '%abcd%'", like(plain('text', 'text'), 'infix', 'abcd')],
  ["colour == 'x'", compare(plain('colour', 'text'), '==', { type: 'text', value: colours[3] })],
  ['one of 3 kinds', compare(plain('kind', 'int'), '==', int(1))],
  [
    'kind and colour',
    {
      kind: 'and',
      operands: [
        compare(plain('kind', 'int'), '==', int(1)),
        compare(plain('colour', 'text'), '==', { type: 'text', value: colours[3] }),
      ],
    },
  ],
  ['day < 100, rising with the rows', compare(plain('day', 'int'), '<', int(100))],
  ["colour =~ '^[ab]'", { kind: 'regex', operand: plain('colour', 'text'), source: '^[ab]' }],
  ['json["price"] == x', compare(path('price'), '==', int(ints[77]))],
  ['json["price"] < 1 %', compare(path('price'), '<', int(10_000))],
  ['json["name"] like \'abc%\'', like(path('name'), 'prefix', 'abc')],
  [
    'array_contains(tags, x)',
    { kind: 'contains', operand: plain('tags', 'list'), mode: 'any', values: set({ ints: every(1, 7) }) },
  ],
  [
    'st_within(place, 1° square)',
    { kind: 'spatial', field: field('place'), op: 'within', geometry: square(10, 10, 1) },
  ],
  [
    'st_dwithin(place, 100 km)',
    { kind: 'near', field: field('place'), longitude: 13, latitude: 52, metres: 1e5 },
  ],
  [
    'int < 1 % and json["name"] like and regex',
    {
      kind: 'and',
      operands: [
        { kind: 'regex', operand: plain('text', 'text'), source: 'ab.*cd' },
        like(path('name'), 'infix', 'a'),
        compare(plain('int', 'int'), '<', int(10_000)),
      ],
    },
  ],
  [
    "not (colour == 'x') or int == y",
    {
      kind: 'or',
      operands: [
        { kind: 'not', operand: compare(plain('colour', 'text'), '==', { type: 'text', value: colours[3] }) },
        compare(plain('int', 'int'), '==', int(5)),
      ],
    },
  ],
];

const rangesOf = (fieldId) => {
  const view = views.get(fieldId);
  if (view.kind !== 'fixed') return undefined;
  if (!ranges.has(fieldId)) ranges.set(fieldId, blockRanges(view, ROWS));
  return ranges.get(fieldId);
};
const factsOf = (isIndexed) => ({
  rowCount: ROWS,
  sourceOf: (leaf) => (isIndexed ? bestSource(indexes, leaf) : undefined),
  blocksOf: (leaf) => (isIndexed ? blocksWithin(leaf, rangesOf) : undefined),
  // Nothing is known of row groups: no file was written.
  groupsOf: () => undefined,
  scanNanos,
});
const pace = { isDue: false, spentMs: 0, rest: async () => {} };

async function once(predicate, isIndexed) {
  const begun = performance.now();
  const plan = planFilter(predicate, factsOf(isIndexed));
  const result = await runPlan({ plan, columns: source, rowCount: ROWS, kept: undefined, pace });
  return { ms: performance.now() - begun, plan, result };
}

console.log(
  '\n| filter | passing | columns, ms | with indexes, ms | ratio | plan |\n| --- | --- | --- | --- | --- | --- |',
);
/** Filters that name a few rows by an index: each is to take less than a millisecond. */
const points = new Map();
for (const [name, predicate] of filters) {
  const best = { scan: undefined, index: undefined };
  for (let round = 0; round < ROUNDS; round++) {
    for (const how of ['scan', 'index']) {
      const run = await once(predicate, how === 'index');
      if (best[how] === undefined || run.ms < best[how].ms) best[how] = run;
    }
  }
  const { scan, index } = best;
  if (scan.result.passing !== index.result.passing) throw new Error(`${name}: another answer with an index`);
  const { candidates, residual } = index.plan;
  if (candidates !== undefined && residual === undefined && index.result.passing < 10)
    points.set(name, index.ms);
  const plan =
    candidates === undefined ? 'columns' : residual === undefined ? 'index' : 'index, then columns';
  console.log(
    `| ${name} | ${index.result.passing} | ${scan.ms.toFixed(2)} | ${index.ms.toFixed(2)} | ${(scan.ms / index.ms).toFixed(1)} | ${plan} |`,
  );
}
const slowest = [...points].reduce((one, other) => (other[1] > one[1] ? other : one));
console.log(
  `\n${points.size} point filters by an index: at most ${slowest[1].toFixed(2)} ms (${slowest[0]}), target 1 ms: ${slowest[1] < 1 ? 'met' : 'MISSED'}`,
);
