import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { keyAt } from '#model/columns/column.js';
import { parseCollectionSchema } from '#model/schema/schema-check.js';
import { encodeTexts } from '#model/text-list.js';
import { CollectionSchema, DataType, TemplateValue } from '#proto/milvus/schema.js';
import { checkFilter, FILTER_LENGTH_MAX } from './filter.js';

const schemaOf = (dataType: DataType, enableDynamicField = false) =>
  parseCollectionSchema(
    CollectionSchema.fromPartial({
      enableDynamicField,
      fields: [
        { name: 'id', isPrimaryKey: true, dataType, typeParams: [{ key: 'max_length', value: '99' }] },
        { name: 'vec', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '4' }] },
        { name: 'age', dataType: DataType.Int32 },
      ],
    }),
    { collectionName: 'c' },
  );
const ints = schemaOf(DataType.Int64);
const texts = schemaOf(DataType.VarChar);
const keysOf = (expr: string, schema = ints, templates = {}) => {
  const filter = checkFilter(schema, { text: expr, templates });
  if (filter.kind !== 'keys') return filter.kind;
  const keys = Array.from({ length: filter.keyCount }, (_, row) => keyAt(filter.keys, row));
  return filter.negated ? { not: keys } : keys;
};

const refusal = (expr: string, schema = ints, templates = {}): string => {
  try {
    checkFilter(schema, { text: expr, templates });
  } catch (error) {
    if (error instanceof ElanusError) return `${error.key}: ${error.message}`;
    throw error;
  }
  throw new Error(`accepted ${expr}`);
};

describe('a filter of keys', () => {
  it('reads keys', () => {
    expect(keysOf('')).toBe('all');
    expect(keysOf(' \n ')).toBe('all');
    expect(keysOf('id in [1, 2,3 ]')).toEqual([1n, 2n, 3n]);
    expect(keysOf('id IN[-1,0x10,0b11,010,9223372036854775807,-9223372036854775808,]')).toEqual([
      -1n,
      16n,
      3n,
      8n,
      2n ** 63n - 1n,
      -(2n ** 63n),
    ]);
    expect(keysOf('id in []')).toEqual([]);
    expect(keysOf('id not in [5]')).toEqual({ not: [5n] });
    expect(keysOf('id NOT IN [5]')).toEqual({ not: [5n] });
    expect(keysOf('id == -7')).toEqual([-7n]);
    expect(keysOf('id==3.0')).toEqual([3n]);
    expect(keysOf('id==3.5')).toEqual([]);
    expect(keysOf('((id in [1]))')).toEqual([1n]);
    expect(keysOf('not (id in [1])')).toEqual({ not: [1n] });
    expect(keysOf('not not (id in [1])')).toEqual([1n]);
    expect(keysOf('not (id != 1)')).toEqual([1n]);
    expect(keysOf('id == 1 + 1')).toEqual([2n]);
    expect(keysOf('id == 3 or id in [1, 3]')).toEqual([1n, 3n]);
    expect(keysOf('id == "b" or id == "a"', texts)).toEqual(['a', 'b']);
    expect(keysOf('id != 3 and id != 1')).toEqual({ not: [1n, 3n] });
    expect(keysOf('id in [1 + 1, -(3)]')).toEqual([2n, -3n]);
    expect(keysOf('4 == id')).toEqual([4n]);
    expect(keysOf('id != 4')).toEqual({ not: [4n] });
    expect(keysOf('id in [4294967296, -4294967297, 999999999999999, 9999999999999999]')).toEqual([
      2n ** 32n,
      -(2n ** 32n) - 1n,
      999999999999999n,
      9999999999999999n,
    ]);
  });
  it('reads text keys with every way to write a string', () => {
    expect(
      keysOf(`id in ['a', "b", 'it\\'s', "say \\"x\\"", '\\u00e9\\n', r'\\d', 'ü', "\\x41\\101"]`, texts),
    ).toEqual(['a', 'b', "it's", 'say "x"', 'é\n', '\\d', 'ü', 'AA']);
    expect(keysOf('id != ""', texts)).toEqual({ not: [''] });
  });
  it('reads templates', () => {
    const writer = new BinaryWriter();
    for (const value of [1n, -2n]) writer.int64(value);
    const longs = TemplateValue.create({
      val: { $case: 'arrayVal', value: { data: { $case: 'longData', value: { data: writer.finish() } } } },
    });
    expect(keysOf('id in {ids}', ints, { ids: longs })).toEqual([1n, -2n]);
    expect(keysOf('id not in {ids}', ints, { ids: longs })).toEqual({ not: [1n, -2n] });
    expect(
      keysOf('id in {e}', ints, {
        e: TemplateValue.create({ val: { $case: 'arrayVal', value: { data: undefined } } }),
      }),
    ).toEqual([]);
    expect(
      keysOf('id == {v}', ints, { v: TemplateValue.create({ val: { $case: 'int64Val', value: 9n } }) }),
    ).toEqual([9n]);
    const strings = TemplateValue.create({
      val: { $case: 'arrayVal', value: { data: { $case: 'stringData', value: encodeTexts(['x', 'y']) } } },
    });
    expect(keysOf('id in {s}', texts, { s: strings })).toEqual(['x', 'y']);
    // So many go from bytes to bytes.
    const many = Array.from({ length: 20_000 }, (_, at) =>
      at % 3 === 0 ? `kö${at}` : at % 100 === 1 ? '' : `k${at}`,
    );
    const list = TemplateValue.create({
      val: { $case: 'arrayVal', value: { data: { $case: 'stringData', value: encodeTexts(many) } } },
    });
    expect(keysOf('id in {s}', texts, { s: list })).toEqual(many);
    expect(refusal('id in {s}', ints, { s: list })).toContain('in list cannot be casted to Int64');
    expect(refusal('id in {s}', ints, { s: strings })).toContain(
      `value 'string_val:"x"' in list cannot be casted to Int64`,
    );
    expect(refusal('id in {nope}')).toContain('expression template variable name {nope} is not found');
    expect(
      refusal('id in {v}', ints, { v: TemplateValue.create({ val: { $case: 'int64Val', value: 9n } }) }),
    ).toContain("right-hand side of 'in' must be a list");
    expect(refusal('id in {toString}')).toContain('not found');
  });
  it('refuses what no version reads, with the texts of Milvus', () => {
    expect(refusal('id in 5')).toBe(
      "invalid_parameter: failed to create query plan: cannot parse expression: id in 5, error: the right-hand side of 'in' must be a list at line 1, column 7: id in ▶5",
    );
    expect(refusal('id in [1, 1.0]')).toContain("value 'float_val:1' in list cannot be casted to Int64");
    expect(refusal('id in ["a"]')).toContain(`value 'string_val:"a"' in list cannot be casted to Int64`);
    expect(refusal('id in [1]', texts)).toContain("value 'int64_val:1' in list cannot be casted to VarChar");
    expect(refusal('id in [true]')).toContain("value 'bool_val:true'");
    expect(refusal('id == "a"')).toContain(
      'comparison operations cannot be applied to two incompatible operands',
    );
    expect(refusal('nope in [1]')).toContain('error: field nope not exist');
    expect(refusal('nope > 1 and age < 2')).toContain('field nope not exist');
    for (const bad of [
      'id in',
      'id in [1',
      'id in [1 2]',
      '1 +',
      'a b c',
      'id ==',
      ')',
      'id in [1))',
      '== 5',
      '"abc',
      '😀',
      'id in [,]',
      '#',
      'id in [9223372036854775808]',
      '!!',
      'age >',
    ]) {
      expect(refusal(bad)).toContain(
        `invalid_parameter: failed to create query plan: cannot parse expression: ${bad}, error: `,
      );
    }
    expect(refusal('age')).toContain('predicate is not a boolean expression: age');
    expect(refusal('1')).toContain('predicate is not a boolean expression');
    expect(refusal(`id in [${'1,'.repeat(5000)}`).length).toBeLessThan(1000);
  });
  it('leaves other filters to predicates', () => {
    const others = [
      'id > 0',
      '1 < age <= 9',
      'id in [1] and age == 2',
      'not (id > 1)',
      'age in [1,2]',
      'age is not null',
      'id == 1 or age == 2',
      'age + 1 == 2 ** 3',
      'random_sample(0.5)',
      'id == id',
      'id == age',
      '-age < +1',
      'true',
    ];
    for (const expr of others) expect(keysOf(expr), expr).toBe('predicate');
    expect(keysOf('colour == "red"', schemaOf(DataType.Int64, true))).toBe('predicate');
  });

  it('reads a million keys and bounds the depth and the length', () => {
    const many = Array.from({ length: 1_000_000 }, (_, at) => at * 7919 - 5_000_000);
    const filter = checkFilter(ints, { text: `id in [${many.join(', ')}]` });
    expect(filter.kind === 'keys' && filter.keyCount).toBe(1_000_000);
    expect(refusal(`id in [${[...many, 1].join(',')}]`)).toContain(
      'more than 1000000 elements; split the request',
    );
    expect(keysOf(`${'('.repeat(1000)}age == 1${')'.repeat(1000)}`)).toBe('predicate');
    expect(keysOf(`${'('.repeat(1000)}id == 1${')'.repeat(1000)}`)).toEqual([1n]);
    for (const filter of ['id == 1', 'age == 1']) {
      expect(refusal(`${'('.repeat(100_000)}${filter}${')'.repeat(100_000)}`)).toContain(
        'nested deeper than 1000 levels',
      );
    }
    expect(refusal(`id in [${'"a",'.repeat(FILTER_LENGTH_MAX / 4)}"a"]`, texts)).toContain(
      'characters, expected at most',
    );
  });
  it('round-trips any keys', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), (keys) => {
        expect(keysOf(`id in [${keys.join(',')}]`)).toEqual(keys);
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (keys) => {
        const quoted = keys.map((key) => `"${key.replace(/[\\"]/g, '\\$&')}"`);
        expect(keysOf(`id in [${quoted.join(',')}]`, texts)).toEqual(keys);
      }),
    );
  });
  it('never throws anything but its own errors', () => {
    const piece = fc.constantFrom(
      'id',
      'age',
      'in',
      'not',
      '[',
      ']',
      '(',
      ')',
      ',',
      '1',
      '-',
      '"a"',
      "'",
      '==',
      '{x}',
      '{',
      'and',
      'is',
      'null',
      '=',
      '.',
      '0x',
      'r"',
      '\\',
      'f(',
      '1e',
      ' ',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join(' ')),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (expr) => {
          for (const schema of [ints, texts]) {
            try {
              checkFilter(schema, { text: expr });
            } catch (error) {
              expect(error).toBeInstanceOf(ElanusError);
            }
          }
        },
      ),
      { numRuns: 5000 },
    );
  });
});
