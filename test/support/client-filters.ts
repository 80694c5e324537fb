// Rows and random filters over them, as a client sends both: values at the ends of every type, and filters that meet them often.
import type { RowData } from '@zilliz/milvus2-sdk-node';
import fc from 'fast-check';
import { vectorOf } from '../integration/support.js';
import type { Row } from '../oracle/filter-oracle.js';
import type { Json } from '../oracle/oracle-values.js';

const texts = ['', 'a', 'ab', 'abc', 'b%c', 'b_c', 'é', '😀x', '\uffff', 'A', "it's", 'q"q', 'back\\slash'];
const bigs = [0n, 1n, -1n, 7n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 62n + 1n];
const reals = [0, -0, 0.1, 1.5, -1.5, 1e30, -1e30, 16_777_217, 5e-324, 3];
const tinies = [0n, 1n, -128n, 127n, 7n];
const times = [
  '2025-01-01T00:00:00Z',
  '1969-12-31T23:59:59.5Z',
  '2024-02-29T12:00:00Z',
  '0001-01-01T00:00:00Z',
];
/** Whole numbers up to 2^53: with dynamic fields the SDK copies rows by way of JSON.parse, which rounds others before they are sent. */
const jsons: readonly Json[] = [
  {},
  { a: 1n },
  { a: 1.5 },
  { a: 'a' },
  { a: null },
  { a: true },
  { a: [1n, 'a', [2n], 1.5, null, true] },
  { a: [] },
  { a: { b: 7n, c: [1n, 2n, 3n] } },
  { a: { b: 'ab' }, 'x.y': 'é' },
  { a: -9007199254740991n },
  { a: 9007199254740992n, é: { é: -1n } },
  { a: { b: { c: { d: 1n } } } },
  [1n, 2n, 'a'],
  'a',
  7n,
  { a: '😀x', b: '' },
];
const dynamics: readonly Readonly<Record<string, Json>>[] = [
  {},
  { colour: 'a' },
  { colour: '' },
  { colour: 7n, more: { deep: ['a', 1n] } },
  { colour: null },
  { more: { deep: [] } },
  { more: { deep: 1n }, colour: true },
];

/** What a row is made of, decided by its number and how often it was written. */
export function rowOf(id: number, version: number): Row {
  let state = (id * 2654435761 + version * 40503 + 12345) >>> 0;
  const next = (below: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return (state >>> 8) % below;
  };
  const orNull = <T>(values: readonly T[]): T | undefined =>
    next(6) === 0 ? undefined : (values[next(values.length)] as T);
  const list = <T>(values: readonly T[]): T[] =>
    Array.from({ length: next(5) }, () => values[next(values.length)] as T);
  const float = orNull(reals);
  const time = orNull(times);
  return {
    id: BigInt(id),
    tiny: orNull(tinies),
    big: orNull(bigs),
    float: float === undefined ? undefined : Math.fround(float),
    double: orNull(reals),
    text: orNull(texts),
    yes: orNull([true, false]),
    doc: orNull(jsons),
    ints: next(6) === 0 ? undefined : list(bigs),
    texts: next(6) === 0 ? undefined : list(texts),
    time: time === undefined ? undefined : BigInt(Date.parse(time)) * 1000n,
    $meta: dynamics[next(dynamics.length)],
  };
}

/** Text that JSON.stringify writes as it is. */
function rawJSON(text: string): unknown {
  const make: unknown = Reflect.get(JSON, 'rawJSON');
  if (typeof make !== 'function') throw new Error('JSON.rawJSON is not there, expected Node 22 or newer');
  return make(text);
}

/** As the client takes it: it writes JSON itself, so integers go in as raw text. */
function sentJson(json: Json): unknown {
  if (typeof json === 'bigint') return rawJSON(String(json));
  if (Array.isArray(json)) return json.map((element) => sentJson(element as Json));
  if (typeof json === 'object' && json !== null)
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, sentJson(value as Json)]));
  return Object.is(json, -0) ? rawJSON('-0.0') : json;
}

export function sentRow({ $meta, ...row }: Row): RowData {
  const plain = (value: Json | undefined): unknown =>
    typeof value === 'bigint' ? String(value) : Array.isArray(value) ? value.map(plain) : (value ?? null);
  const sent = Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
  const time = row.time as bigint | undefined;
  return {
    ...sent,
    tiny: row.tiny === undefined ? null : Number(row.tiny),
    doc: row.doc === undefined ? null : sentJson(row.doc),
    time: time === undefined ? null : new Date(Number(time / 1000n)).toISOString(),
    vector: vectorOf(Number(row.id)),
    ...(sentJson($meta as Json) as object),
  } as RowData;
}

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;
const int = fc.constantFrom(...bigs, ...tinies, 2n, 3n, 128n).map(String);
const real = fc.constantFrom('0.0', '-0.0', '0.1', '1.5', '-1.5', '1e30', '16777217.0', '16777216.0', '3.0');
const number = fc.oneof(int, real);
const text = fc.constantFrom(...texts, 'zz').map(quoted);
const pattern = fc
  .constantFrom(
    '%',
    'a%',
    '%b%',
    '_',
    '__',
    'b\\\\%c',
    'b\\\\_c',
    'b_c',
    '%é',
    '_x',
    '😀%',
    '',
    '%a%b%',
    "it's",
    'a_c',
  )
  .map((value) => `"${value}"`);
const regex = fc
  .constantFrom('^a', 'b$', '[a-c]+', '^.$', 'x|q', '^$', '(ab)+c?')
  .map((value) => `"${value}"`);
const docPath = fc.constantFrom(
  'doc["a"]', 'doc["a"]["b"]', 'doc["a"][0]', 'doc["a"]["c"]', 'doc["x.y"]', 'doc["é"]["é"]', 'doc["a"]["b"]["c"]["d"]',
  'doc["a"][2][0]', 'doc[1]', 'doc', 'colour', '$meta["colour"]', 'more["deep"]', '$meta["more"]["deep"]', 'absent',
); // biome-ignore format: a pool of paths
const op = fc.constantFrom('==', '!=', '<', '<=', '>', '>=');
const plainNumber = fc.constantFrom(
  'tiny',
  'big',
  'float',
  'double',
  'id',
  'ints[0]',
  'ints[3]',
  'array_length(ints)',
);
const wholeNumber = fc.constantFrom('tiny', 'big', 'id', 'ints[1]');
const plainText = fc.constantFrom('text', 'texts[0]', 'texts[2]');
const list = (values: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(values, { maxLength: 5 }).map((all) => `[${all.join(', ')}]`);
const template = (strings: TemplateStringsArray, ...parts: readonly fc.Arbitrary<string>[]) =>
  fc.tuple(...parts).map((values) => String.raw({ raw: strings }, ...values));

const leaf = fc.oneof(
  template`${plainNumber} ${op} ${number}`,
  template`${number} ${op} ${plainNumber}`,
  template`${plainText} ${op} ${text}`,
  template`${wholeNumber} in ${list(int)}`,
  template`${wholeNumber} not in ${list(int)}`,
  template`${plainText} in ${list(text)}`,
  template`${plainText} not in ${list(text)}`,
  template`${plainText} like ${pattern}`,
  template`${plainText} =~ ${regex}`,
  template`${plainText} !~ ${regex}`,
  template`${docPath} ${op} ${fc.oneof(number, text)}`,
  template`${docPath} ${fc.constantFrom('==', '!=')} ${fc.constantFrom('true', 'false')}`,
  template`${docPath} ${fc.constantFrom('in', 'not in')} ${fc.oneof(list(int), list(text))}`,
  template`${docPath} like ${pattern}`,
  template`exists ${docPath.filter((path) => path !== 'doc')}`,
  template`${docPath} is ${fc.constantFrom('null', 'not null')}`,
  template`${fc.constantFrom('tiny', 'float', 'text', 'yes', 'doc', 'ints', 'time')} is ${fc.constantFrom('null', 'not null')}`,
  template`json_contains(${docPath}, ${fc.oneof(number, text, fc.constantFrom('true', '[2]'))})`,
  template`json_contains_any(${docPath}, ${list(fc.oneof(int, text))})`,
  template`json_contains_all(${docPath}, ${list(int)})`,
  template`array_contains(ints, ${int})`,
  template`array_contains(texts, ${text})`,
  template`array_contains_all(ints, ${list(int)})`,
  template`array_contains_any(texts, ${list(text)})`,
  template`yes == ${fc.constantFrom('true', 'false')}`,
  fc.constant('yes'),
  template`time ${op} ISO '${fc.constantFrom(...times)}'`,
  template`time + INTERVAL '${fc.constantFrom('P1M', 'P1D', 'PT1H')}' ${op} ISO '${fc.constantFrom(...times)}'`,
  template`id % ${fc.constantFrom('2', '3', '7')} == ${fc.constantFrom('0', '1')}`,
  template`tiny ${fc.constantFrom('+', '-', '*')} ${fc.constantFrom('1', '7')} ${op} ${int}`,
);
export const filters = fc.letrec<{ readonly filter: string }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    leaf,
    fc
      .tuple(tie('filter'), fc.constantFrom('and', 'or', '&&', '||'), tie('filter'))
      .map(([a, joint, b]) => `(${a} ${joint} ${b})`),
    tie('filter').map((inner) => `not (${inner})`),
  ),
})).filter;
