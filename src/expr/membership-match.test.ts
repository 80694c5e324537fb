// `membership_match` means what the set says that the client made, over every type, with nulls, by both ways that a bitmap can go.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { must } from '#base/assert.js';
import { viewOf } from '#expr/evaluate/column-view.js';
import { FilterEvaluator } from '#expr/evaluate/filter-evaluator.js';
import { isBitSet } from '#expr/evaluate/rows.js';
import { TemplateValue } from '#proto/milvus/schema.js';
import type { Row } from '../../test/oracle/predicate-oracle.js';
import { caseSchema } from '../../test/support/filter-cases.js';
import { bloomOf, fullContainers, roaringEnvelope, roaringOf } from '../../test/support/member-sets.js';
import { anyRow, fields, int8, int16, int32, int64, json, text } from '../../test/support/row-cases.js';
import { columnOf } from '../../test/support/row-columns.js';
import { checkFilter } from './filter.js';
import { RoaringLookup, readRoaring } from './members/roaring-members.js';
import type { CheckedFilter } from './typed.js';

const bytesTemplate = (value: Uint8Array): TemplateValue =>
  TemplateValue.create({ val: { $case: 'bytesVal', value } });
const checked = (filter: string, set: Uint8Array): CheckedFilter =>
  checkFilter(caseSchema, { text: filter, templates: { set: bytesTemplate(set) } });

function passing(filter: string, set: Uint8Array, rows: readonly Row[]): boolean[] {
  const tree = checked(filter, set);
  if (tree.kind !== 'predicate') throw new Error(`${filter} is ${tree.kind}`);
  const views = new Map(fields.map((field) => [field.fieldId, viewOf(columnOf(field, rows))]));
  const bits = new Uint32Array(Math.ceil(rows.length / 32));
  new FilterEvaluator(tree.predicate, { view: (fieldId) => views.get(fieldId) }).evaluate(
    0,
    rows.length,
    bits,
  );
  return rows.map((_, row) => isBitSet(bits, row));
}

const rowsOf = (field: { readonly fieldId: bigint }, values: readonly unknown[]): Row[] =>
  values.map((value) => new Map([[field.fieldId, value]]));
const blob = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

describe('sets that pymilvus 3.0.2 made', () => {
  const ints = 'TUJGMQEAAQAEAAAAAAAAAHsUrkfhenQ/AQAAAAEAAAABJAAIBAABAgEQAgIAARIAAAEMBBIAAApAAEACGAEQAA==';
  const texts = 'TUJGMQEAAQADAAAAAAAAAHsUrkfhenQ/AQAAAAIAAABAIAAgASgAAAAAggIAACAQQECAAABAQAAAAgAgAAABYA==';
  const bitmap =
    'TVJCMQEAAQAuAAAAAAAAAFMAAAAAAAAAAAAAAAAAAAADAAAAAAAAAAAAAAA7MAEAAgAAAQABACcAAQAFAAEAoIYnAAABAAA6MAAAAQAAAAAAAAAQAAAAAAD/////OjAAAAEAAAD//wIAEAAAAP3//v///w==';

  it('a Bloom filter of integers', () => {
    const rows = rowsOf(int64, [1n, -2n, 2n ** 40n + 5n, -(2n ** 63n), null, 7n]);
    expect(passing('membership_match(int64, {set}, type=bloom)', blob(ints), rows)).toEqual([
      true, true, true, true, false, false,
    ]); // biome-ignore format: a row of values
    expect(passing('not membership_match(int64, {set}, type=bloom)', blob(ints), rows)).toEqual([
      false, false, false, false, false, true,
    ]); // biome-ignore format: a row of values
  });

  it('a Bloom filter of texts', () => {
    const rows = rowsOf(text, ['', 'abc', '日本語 a longer text of more than thirty-two bytes', 'ab', null]);
    const passes = passing('membership_match(text, {set}, type=bloom)', blob(texts), rows);
    expect(passes).toEqual([true, true, true, false, false]);
  });

  it('a Roaring bitmap', () => {
    const rows = rowsOf(int64, [
      1n,
      5n,
      -1n,
      -2n,
      -3n,
      -4n,
      2n ** 40n,
      100000n,
      100039n,
      100040n,
      99999n,
      null,
    ]);
    const passes = passing('membership_match(int64, {set}, type=roaring)', blob(bitmap), rows);
    expect(passes).toEqual([true, true, true, true, true, false, true, true, true, false, false, false]);
  });
});

const asInt = (row: Row, field: { readonly fieldId: bigint }): bigint | undefined => {
  const value = row.get(field.fieldId);
  return typeof value === 'bigint' ? value : undefined;
};
const near = fc.oneof(
  fc.bigInt({ min: -130n, max: 130n }),
  fc.constantFrom(
    32767n,
    -32768n,
    2n ** 31n - 1n,
    -(2n ** 31n),
    2n ** 53n + 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ),
);
const rowsWithInts = fc.array(anyRow, { minLength: 1, maxLength: 40 });

describe('over rows of every type', () => {
  it.each([int8, int16, int32, int64])('%o', (field) => {
    fc.assert(
      fc.property(rowsWithInts, fc.array(near, { maxLength: 40 }), fc.boolean(), (rows, values, isRuns) => {
        const set = new Set(values);
        const wanted = rows.map((row) => set.has(asInt(row, field) as bigint));
        const known = rows.map((row) => asInt(row, field) !== undefined);
        const asked = `membership_match(${field.name}, {set}, type=`;
        // A set of no values is folded into a constant, and no row is asked.
        expect(passing(`${asked}roaring) and bool == bool`, roaringOf(values, isRuns), rows)).toEqual(
          passing(`${field.name} in [${values.join(', ')}] and bool == bool`, new Uint8Array(), rows),
        );
        const bloom = passing(`${asked}bloom) or int8 == 77`, bloomOf([...values, 1n], 1024), rows);
        for (const [row, isWanted] of wanted.entries()) {
          if (isWanted) expect(bloom[row]).toBe(true);
          if (known[row] !== true && asInt(must(rows[row], 'row'), int8) !== 77n)
            expect(bloom[row]).toBe(false);
        }
      }),
    );
  });

  it('a bitmap that is too large for a list', () => {
    const set = fullContainers(17);
    const rows = rowsOf(int64, [
      0n,
      65535n,
      65536n,
      17n * 65536n - 1n,
      17n * 65536n,
      -1n,
      2n ** 53n + 1n,
      null,
    ]);
    const passes = [true, true, true, true, false, false, false, false];
    expect(passing('membership_match(int64, {set}, type=roaring)', set, rows)).toEqual(passes);
    expect(passing('not membership_match(int64, {set}, type=roaring)', set, rows)).toEqual(
      passes.map((pass, row) => !pass && row < 7),
    );
    const low = rowsOf(int32, [0n, 5n, -1n, 2n ** 31n - 1n]);
    expect(passing('membership_match(int32, {set}, type=roaring)', set, low)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('a bitmap that is asked as it is: lists, bits and runs', () => {
    const many = Array.from({ length: 5000 }, (_, at) => BigInt(at) * 3n);
    fc.assert(
      fc.property(fc.array(near), fc.boolean(), fc.array(near), (values, isRuns, others) => {
        const set = new Set([...values, ...many]);
        const lookup = new RoaringLookup(readRoaring(roaringOf([...set], isRuns), 0));
        for (const value of [...values, ...others, 0n, 1n, 14997n, 14998n, 2n ** 41n])
          expect(
            lookup.has(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))),
            `${value}`,
          ).toBe(set.has(value));
      }),
      { numRuns: 20 },
    );
  });

  it('paths in JSON, whose integers and texts are asked as what they are', () => {
    const set = bloomOf([1n, 2n ** 60n + 1n, -3n, 'x', 'é"'], 1024);
    const values = [
      '1',
      '1.0',
      '-3',
      '1152921504606846977',
      '2',
      '"x"',
      '"\\u00e9\\""',
      '"1"',
      'true',
      'null',
      '[1]',
      '1.5',
    ];
    const rows = rowsOf(
      json,
      values.map((value) => ({ json: { a: JSON.parse(value) } })),
    );
    const passes = passing('membership_match(json["a"], {set}, type=bloom)', set, rows);
    // The reader of this test has doubles: 2^60 + 1 is 2^60, which is not in the set.
    expect(passes).toEqual([true, true, true, false, false, true, true, false, false, false, false, false]);
    expect(passing('membership_match(json["b"], {set}, type=bloom)', set, rows)).not.toContain(true);
  });

  it('primary keys, which become a list of keys', () => {
    expect(checked('membership_match(pk, {set}, type=roaring)', roaringOf([3n, -1n, 5n]))).toMatchObject({
      kind: 'keys',
      keyCount: 3,
      negated: false,
    });
    expect(checked('membership_match(pk, {set}, type=bloom)', bloomOf([3n]))).toMatchObject({
      kind: 'predicate',
    });
  });
});

describe('what is refused', () => {
  const changed = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
    const copy = bytes.slice();
    copy[at] = value;
    return copy;
  };
  const bloom = bloomOf([1n, 2n]);
  const bitmap = roaringOf([1n, 2n, 2n ** 40n]);
  const runs = roaringOf([1n, 2n, 7n], true);
  it.each<[string, Uint8Array, string]>([
    ['membership_match(int64, {set})', bloom, 'needs type=bloom or type=roaring'],
    ['membership_match(int64, {set}, type=other)', bloom, 'needs type=bloom or type=roaring'],
    ['membership_match(int64, {set}, type="bloom")', bloom, 'needs type=bloom or type=roaring'],
    ['membership_match(int64, {set}, type=bloom, type=bloom)', bloom, 'has type twice'],
    ['membership_match(int64, {set}, kind=bloom)', bloom, 'no option kind'],
    ['membership_match(int64)', bloom, '1 arguments, expected 2'],
    ['membership_match(int64, [1], type=bloom)', bloom, 'must be an expression template'],
    ['membership_match(int64, {other}, type=bloom)', bloom, '{other} is not found'],
    ['membership_match(float, {set}, type=bloom)', bloom, 'paths in JSON, got Float'],
    ['membership_match(text, {set}, type=roaring)', bitmap, 'fields of Int8 to Int64, got VarChar'],
    ['membership_match(json["a"], {set}, type=roaring)', bitmap, 'fields of Int8 to Int64, got JSON'],
    ['membership_match(int64s, {set}, type=bloom)', bloom, 'got Array[Int64]'],
    ['membership_match(time, {set}, type=bloom)', bloom, 'got Timestamptz'],
    ['membership_match(text, {set}, type=bloom)', bloom, 'was made of integers, and field text is VarChar'],
    [
      'membership_match(int64, {set}, type=bloom)',
      bloomOf(['a']),
      'was made of texts, and field int64 is Int64',
    ],
    ['membership_match(int64, {set}, type=bloom)', bloom.subarray(0, 20), 'it has 20 bytes'],
    ['membership_match(int64, {set}, type=bloom)', bloom.subarray(0, 100), '64 blocks in 100 bytes'],
    ['membership_match(int64, {set}, type=bloom)', bitmap, 'it begins with "MRB1", expected "MBF1"'],
    ['membership_match(int64, {set}, type=bloom)', changed(bloom, 4, 2), 'version 2'],
    ['membership_match(int64, {set}, type=bloom)', changed(bloom, 28, 4), 'kinds 4'],
    ['membership_match(int64, {set}, type=roaring)', bloom, 'it begins with "MBF1", expected "MRB1"'],
    ['membership_match(int64, {set}, type=roaring)', bitmap.subarray(0, 60), 'its head says'],
    ['membership_match(int64, {set}, type=roaring)', changed(bitmap, 8, 9), '9 members, 3 are there'],
    ['membership_match(int64, {set}, type=roaring)', changed(bitmap, 32, 9), 'ends in the middle'],
    ['membership_match(int64, {set}, type=roaring)', changed(bitmap, 39, 255), 'ends in the middle'],
    ['membership_match(int64, {set}, type=roaring)', changed(bitmap, 44, 1), 'a bitmap begins with'],
    ['membership_match(int64, {set}, type=roaring)', changed(bitmap, 56, 9), 'not where its table says'],
    ['membership_match(int64, {set}, type=roaring)', changed(bitmap, 60, 2), 'not in ascending order'],
    ['membership_match(int64, {set}, type=roaring)', changed(runs, runs.length - 4, 2), 'overlap'],
    ['membership_match(int64, {set}, type=roaring)', changed(runs, runs.length - 2, 9), 'has 12 members'],
    [
      'membership_match(int64, {set}, type=roaring)',
      roaringEnvelope(0n, new Uint8Array(9)),
      '1 bytes are behind',
    ],
  ])('%s', (filter, set, why) => {
    expect(() => checked(filter, set)).toThrow(why);
  });

  it('no damaged byte makes it fail otherwise, or take long', () => {
    for (const [type, bytes] of [
      ['bloom', bloom],
      ['roaring', bitmap],
      ['roaring', runs],
    ] as const)
      for (let at = 0; at < Math.min(bytes.length, 120); at++)
        for (const value of [0, 1, 127, 255])
          try {
            checked(`membership_match(int64, {set}, type=${type})`, changed(bytes, at, value));
          } catch (error) {
            expect(error).toMatchObject({ key: 'invalid_parameter' });
          }
  });
});
