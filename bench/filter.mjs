// Filters over columns: rows per second of the evaluator beside the tightest loop over the same arrays (the limit), for numbers, texts,
// JSON, dynamic keys, arrays, geometries and several of them together. No server, one thread; all candidates take turns within each round; medians.
// Run on a built tree: node bench/filter.mjs [--quick]
import { nextBelow, nextFloat, seededRandom } from '../dist/base/random.js';
import { FilterEvaluator } from '../dist/expr/evaluate/filter-evaluator.js';
import { PathColumn } from '../dist/expr/evaluate/json/path-column.js';
import { encodeWkb } from '../dist/model/geometry/wkb.js';
import { parseWkt } from '../dist/model/geometry/wkt.js';

const ROWS = process.argv.includes('--quick') ? 100_000 : 1_000_000;
const ROUNDS = process.argv.includes('--quick') ? 3 : 7;
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const NONE = new Uint8Array(0);
const utf8 = new TextEncoder();

const Type = { Int32: 4, Int64: 5, Double: 11, VarChar: 21, Array: 22, JSON: 23, Geometry: 24 };
const field = (fieldId, name, dataType, elementType = 0) => ({
  fieldId,
  name,
  dataType,
  elementType,
  nullable: true,
});
const int32 = field(1n, 'int32', Type.Int32);
const int64 = field(2n, 'int64', Type.Int64);
const double = field(3n, 'double', Type.Double);
const text = field(4n, 'text', Type.VarChar);
const json = field(5n, 'json', Type.JSON);
const meta = field(6n, '$meta', Type.JSON);
const tags = field(7n, 'tags', Type.Array, Type.Int64);
const place = field(8n, 'place', Type.Geometry);

/** Words of 4 to 12 letters, three a text. */
const word = (random) =>
  Array.from({ length: 4 + nextBelow(random, 9) }, () =>
    String.fromCharCode(97 + nextBelow(random, 26)),
  ).join('');

function texts(make) {
  const parts = [];
  const offsets = new Uint32Array(ROWS + 1);
  for (let row = 0; row < ROWS; row++) {
    parts.push(make(row));
    offsets[row + 1] = offsets[row] + parts[row].length;
  }
  return { kind: 'variable', data: utf8.encode(parts.join('')), offsets, valid: NONE };
}

/** Points of 21 bytes in a square of 100. */
function places(random) {
  const data = new Uint8Array(ROWS * 21);
  for (let row = 0; row < ROWS; row++) {
    const positions = Float64Array.of(nextFloat(random) * 100, nextFloat(random) * 100);
    data.set(encodeWkb({ kind: 'point', positions }), row * 21);
  }
  const offsets = Uint32Array.from({ length: ROWS + 1 }, (_, row) => row * 21);
  return { kind: 'variable', data, offsets, valid: NONE };
}

/** @returns a polygon of so many sides, like a circle */
function circle(sides) {
  const corners = Array.from({ length: sides + 1 }, (_, at) => {
    const angle = ((at % sides) * 2 * Math.PI) / sides;
    return `${50 + 40 * Math.cos(angle)} ${50 + 40 * Math.sin(angle)}`;
  });
  return parseWkt(`POLYGON ((${corners.join(', ')}))`);
}

function makeColumns() {
  const random = seededRandom(7);
  const ints = Int32Array.from({ length: ROWS }, () => nextBelow(random, 1_000_000));
  const longs = BigInt64Array.from(ints, BigInt);
  const doubles = Float64Array.from({ length: ROWS }, () => nextFloat(random));
  const offsets = Uint32Array.from({ length: ROWS + 1 }, (_, row) => row * 4 * 8);
  const elements = BigInt64Array.from({ length: ROWS * 4 }, () => BigInt(nextBelow(random, 1000)));
  const half = ROWS >> 1;
  const valid = Uint8Array.from({ length: ROWS }, (_, row) => Number(row % 10 !== 0));
  return new Map([
    [1n, { kind: 'fixed', form: 'int32', values: ints, valid: NONE }],
    [11n, { kind: 'fixed', form: 'int32', values: ints, valid }],
    [2n, { kind: 'fixed', form: 'int64', values: new Int32Array(longs.buffer), valid: NONE }],
    [3n, { kind: 'fixed', form: 'double', values: doubles, valid: NONE }],
    [4n, texts(() => `${word(random)} ${word(random)} ${word(random)}`)],
    [
      5n,
      texts(
        (row) =>
          `{"name":"${word(random)}","price":${ints[row]},"nested":{"score":${doubles[row]},"tags":["a","${word(random)}"]}}`,
      ),
    ],
    [
      6n,
      texts(
        (row) =>
          `{"source":"${word(random)}.pdf","page":${ints[row] % 500},"lang":"${row < half ? 'en' : 'de'}"}`,
      ),
    ],
    [7n, { kind: 'variable', data: new Uint8Array(elements.buffer), offsets, valid: NONE }],
    [8n, places(random)],
  ]);
}

const plain = (of, type) => ({ kind: 'field', type, field: of });
const path = (of, ...steps) => ({ kind: 'json', type: 'json', field: of, path: steps });
const int = (value) => ({ type: 'int', value: BigInt(value) });
const less = (operand, value) => ({ kind: 'compare', operand, op: '<', value });
const set = (parts) => ({
  bools: [],
  ints: new BigInt64Array(0),
  doubles: new Float64Array(0),
  texts: [],
  lists: [],
  ...parts,
});
const someInts = (count, step) => BigInt64Array.from({ length: count }, (_, at) => BigInt(at * step));
const like = (kind, one) => ({ kind: 'like', operand: plain(text, 'text'), pattern: { kind, text: one } });

const columns = makeColumns();
const ints = columns.get(1n).values;
const source = { view: (fieldId) => columns.get(fieldId) };

/** The tightest loops: nothing but the comparison, and a count. */
function countLess(values, bound) {
  let count = 0;
  for (let at = 0; at < values.length; at++) count += Number(values[at] < bound);
  return count;
}

function countLessDoubles(values, bound) {
  let count = 0;
  for (let at = 0; at < values.length; at++) count += Number(values[at] < bound);
  return count;
}

function countLessLongs(words, bound) {
  let count = 0;
  for (let at = 0; at < words.length; at += 2)
    count += Number(words[at + 1] * 4294967296 + (words[at] >>> 0) < bound);
  return count;
}

function countFirstByte({ data, offsets }, byte) {
  let count = 0;
  for (let row = 0; row < ROWS; row++) count += Number(data[offsets[row]] === byte);
  return count;
}

/** The points in a box. */
function countInBox({ data, offsets }, least, most) {
  const numbers = new DataView(data.buffer);
  let count = 0;
  for (let row = 0; row < ROWS; row++) {
    const x = numbers.getFloat64(offsets[row] + 5, true);
    const y = numbers.getFloat64(offsets[row] + 13, true);
    count += Number(x > least && x < most && y > least && y < most);
  }
  return count;
}

function countBytes({ data }, byte) {
  let count = 0;
  for (let at = 0; at < data.length; at++) count += Number(data[at] === byte);
  return count;
}

const limits = {
  'one int32 a row': () => countLess(ints, 500_000),
  'one int64 a row': () => countLessLongs(columns.get(2n).values, 500_000),
  'one double a row': () => countLessDoubles(columns.get(3n).values, 0.5),
  'first byte of each text': () => countFirstByte(columns.get(4n), 97),
  'every byte of the texts': () => countBytes(columns.get(4n), 97),
  'every byte of the JSON': () => countBytes(columns.get(5n), 97),
  'every byte of $meta': () => countBytes(columns.get(6n), 97),
  'two doubles of each point': () => countInBox(columns.get(8n), 10, 90),
  'one int64 an element': () => countLessLongs(new Int32Array(columns.get(7n).data.buffer), 500),
};

const notNull = { ...int32, fieldId: 11n };
const intLess = less(plain(int32, 'int'), int(500_000));
const nearRange = {
  kind: 'range',
  operand: plain(int64, 'int'),
  lower: int(250_000),
  lowerInclusive: true,
  upper: int(750_000),
  upperInclusive: false,
};
const filters = [
  ['int32 < x', intLess, 'one int32 a row'],
  ['int32 < x, a tenth null', less(plain(notNull, 'int'), int(500_000)), 'one int32 a row'],
  ['x <= int64 < y', nearRange, 'one int64 a row'],
  ['double < x', less(plain(double, 'double'), { type: 'double', value: 0.5 }), 'one double a row'],
  [
    'int64 % 10 == 3',
    {
      kind: 'compare',
      op: '==',
      value: int(3),
      operand: {
        kind: 'arithmetic',
        type: 'int',
        op: '%',
        left: plain(int64, 'int'),
        right: { kind: 'constant', type: 'int', value: 10n },
      },
    },
    'one int64 a row',
  ],
  [
    'int64 in 10',
    { kind: 'in', operand: plain(int64, 'int'), values: set({ ints: someInts(10, 200_003) }) },
    'one int64 a row',
  ],
  [
    'int64 in 10,000',
    { kind: 'in', operand: plain(int64, 'int'), values: set({ ints: someInts(10_000, 211) }) },
    'one int64 a row',
  ],
  [
    "text == 'x'",
    {
      kind: 'compare',
      op: '==',
      operand: plain(text, 'text'),
      value: { type: 'text', value: 'hello world again' },
    },
    'first byte of each text',
  ],
  ["like 'ab%'", like('prefix', 'ab'), 'first byte of each text'],
  ["like '%abc%'", like('infix', 'abc'), 'every byte of the texts'],
  [
    "like 'a%b_c%'",
    {
      ...like('prefix', ''),
      pattern: {
        kind: 'general',
        parts: [
          { kind: 'text', text: 'a' },
          { kind: 'any' },
          { kind: 'text', text: 'b' },
          { kind: 'one' },
          { kind: 'text', text: 'c' },
          { kind: 'any' },
        ],
      },
    },
    'first byte of each text',
  ],
  [
    "regex '[xy]z'",
    { kind: 'regex', operand: plain(text, 'text'), source: '[xy]z' },
    'every byte of the texts',
  ],
  ['json["price"] < x', less(path(json, 'price'), int(500_000)), 'every byte of the JSON'],
  [
    'json["nested"]["score"] < x',
    less(path(json, 'nested', 'score'), { type: 'double', value: 0.5 }),
    'every byte of the JSON',
  ],
  [
    "dynamic lang == 'en'",
    { kind: 'compare', op: '==', operand: path(meta, 'lang'), value: { type: 'text', value: 'en' } },
    'every byte of $meta',
  ],
  [
    'array_contains(tags, x)',
    {
      kind: 'contains',
      operand: { kind: 'field', type: 'list', field: tags },
      mode: 'any',
      values: set({ ints: BigInt64Array.of(7n) }),
    },
    'one int64 an element',
  ],
  [
    'match_any(tags, $ < x)',
    {
      kind: 'match',
      quantifier: 'any',
      threshold: 0,
      elements: { over: tags, predicate: less({ kind: 'current', type: 'int', field: tags }, int(10)) },
    },
    'one int64 an element',
  ],
  ...[4, 64, 1000].map((sides) => [
    `st_within a polygon of ${sides} sides`,
    { kind: 'spatial', op: 'within', field: place, geometry: circle(sides) },
    'two doubles of each point',
  ]),
  [
    'st_dwithin 100 km',
    { kind: 'near', field: place, longitude: 50, latitude: 50, metres: 1e5 },
    'two doubles of each point',
  ],
  [
    'int and double and int64',
    {
      kind: 'and',
      operands: [intLess, less(plain(double, 'double'), { type: 'double', value: 0.5 }), nearRange],
    },
    'one int32 a row',
  ],
  [
    "int32 < 1 % and like '%abc%'",
    { kind: 'and', operands: [like('infix', 'abc'), less(plain(int32, 'int'), int(10_000))] },
    'one int32 a row',
  ],
  [
    "int32 < 1 % and dynamic lang == 'en'",
    {
      kind: 'and',
      operands: [
        { kind: 'compare', op: '==', operand: path(meta, 'lang'), value: { type: 'text', value: 'en' } },
        less(plain(int32, 'int'), int(10_000)),
      ],
    },
    'one int32 a row',
  ],
  [
    'int or double or not int64',
    {
      kind: 'or',
      operands: [
        less(plain(int32, 'int'), int(10_000)),
        less(plain(double, 'double'), { type: 'double', value: 0.01 }),
        { kind: 'not', operand: nearRange },
      ],
    },
    'one int32 a row',
  ],
];

const bits = new Uint32Array(Math.ceil(ROWS / 32));
/** A source that keeps what is found at JSON paths; each call begins with nothing. */
function keeping() {
  const paths = new Map();
  const path = (fieldId, steps) => {
    const key = JSON.stringify([String(fieldId), steps]);
    if (!paths.has(key)) paths.set(key, new PathColumn(steps, () => true));
    return paths.get(key);
  };
  return { ...source, path };
}

// JSON paths are asked with nothing kept, as the first filter about a path, and as every later one.
const kept = keeping();
for (const [name, predicate, limit] of [...filters].filter(([one]) => /json|dynamic/.test(one)))
  filters.push([`${name}; first`, predicate, limit], [`${name}; kept`, predicate, limit]);
const candidates = [
  ...Object.entries(limits).map(([name, once]) => ({ name, once })),
  ...filters.map(([name, predicate]) => {
    if (name.endsWith('; first'))
      return { name, once: () => new FilterEvaluator(predicate, keeping()).evaluate(0, ROWS, bits) };
    const evaluator = new FilterEvaluator(predicate, name.endsWith('; kept') ? kept : source);
    return { name, once: () => evaluator.evaluate(0, ROWS, bits) };
  }),
];
const times = candidates.map(() => []);
const passed = new Map();
for (let round = 0; round < ROUNDS + 2; round++) {
  for (const [at, { name, once }] of candidates.entries()) {
    const begin = process.cpuUsage();
    const last = times[at].at(-1);
    // What takes long is not repeated.
    const repeats = last === undefined || last > 0.05 ? 1 : 3;
    for (let repeat = 0; repeat < repeats; repeat++) passed.set(name, once());
    const { user, system } = process.cpuUsage(begin);
    // The first rounds warm up.
    if (round >= 2) times[at].push((user + system) / 1e6 / repeats);
  }
}
const seconds = new Map(candidates.map(({ name }, at) => [name, median(times[at])]));
console.log(
  `${ROWS.toLocaleString('en')} rows, Node ${process.version}, CPU time, median of ${ROUNDS} rounds\n`,
);
console.log('| loop (limit) | million rows/s |\n| --- | --- |');
for (const name of Object.keys(limits))
  console.log(`| ${name} | ${(ROWS / seconds.get(name) / 1e6).toFixed(0)} |`);
console.log(
  '\n| filter | passing | million rows/s | limit | of the limit |\n| --- | --- | --- | --- | --- |',
);
for (const [name, , limit] of filters) {
  const rate = ROWS / seconds.get(name) / 1e6;
  const share = ((passed.get(name) / ROWS) * 100).toFixed(1);
  const ratio = ((seconds.get(limit) / seconds.get(name)) * 100).toFixed(0);
  console.log(`| ${name} | ${share} % | ${rate.toFixed(rate < 10 ? 1 : 0)} | ${limit} | ${ratio} % |`);
}
