// Random rows for tests of filters, with a field of every type: small pools of awkward values, so that comparisons often hold.
import fc from 'fast-check';
import type { FieldRef } from '#expr/typed.js';
import { DataType } from '#model/schema/data-type.js';
import type { Json, Row } from '../oracle/predicate-oracle.js';

let nextId = 100n;
const fieldOf = (name: string, dataType: DataType, elementType: DataType = DataType.None): FieldRef => ({
  fieldId: nextId++,
  name,
  dataType,
  elementType,
  nullable: true,
});

export const bool = fieldOf('bool', DataType.Bool);
export const otherBool = fieldOf('otherBool', DataType.Bool);
export const int8 = fieldOf('int8', DataType.Int8);
export const int16 = fieldOf('int16', DataType.Int16);
export const int32 = fieldOf('int32', DataType.Int32);
export const int64 = fieldOf('int64', DataType.Int64);
export const otherInt64 = fieldOf('otherInt64', DataType.Int64);
export const float = fieldOf('float', DataType.Float);
export const double = fieldOf('double', DataType.Double);
export const text = fieldOf('text', DataType.VarChar);
export const otherText = fieldOf('otherText', DataType.VarChar);
export const json = fieldOf('json', DataType.JSON);
export const time = fieldOf('time', DataType.Timestamptz);
export const bools = fieldOf('bools', DataType.Array, DataType.Bool);
export const int8s = fieldOf('int8s', DataType.Array, DataType.Int8);
export const int16s = fieldOf('int16s', DataType.Array, DataType.Int16);
export const int32s = fieldOf('int32s', DataType.Array, DataType.Int32);
export const int64s = fieldOf('int64s', DataType.Array, DataType.Int64);
export const floats = fieldOf('floats', DataType.Array, DataType.Float);
export const doubles = fieldOf('doubles', DataType.Array, DataType.Double);
export const texts = fieldOf('texts', DataType.Array, DataType.VarChar);
/** Members of one struct array: as long as each other. */
export const memberInts = fieldOf('s[ints]', DataType.Array, DataType.Int64);
export const memberTexts = fieldOf('s[texts]', DataType.Array, DataType.VarChar);
/** Never in a row: what rows written before the field was added look like. */
export const missing = fieldOf('missing', DataType.Int64);

export const fields: readonly FieldRef[] = [
  bool, otherBool, int8, int16, int32, int64, otherInt64, float, double, text, otherText, json, time, bools,
  int8s, int16s, int32s, int64s, floats, doubles, texts, memberInts, memberTexts,
]; // biome-ignore format: a list of names

const intPool = [
  0n, 1n, -1n, 2n, 3n, 5n, 100n, 127n, -128n, 32767n, -32768n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 32n, 2n ** 53n - 1n,
  2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n), -(2n ** 53n) - 1n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n - 2n, -(2n ** 63n), -(2n ** 63n) + 1n,
]; // biome-ignore format: a pool of values
const doublePool = [
  0, -0, 1, -1, 1.5, -1.5, 0.1, 3, Number.NaN, Infinity, -Infinity, 2 ** 53, 2 ** 53 + 2, 2 ** 63, -(2 ** 63), 1e300,
  Number.MIN_VALUE, 16777217, 123456789.25,
]; // biome-ignore format: a pool of values
const textPool = [
  '',
  'a',
  'ab',
  'abc',
  'b',
  'ba',
  'aab',
  'abab',
  'é',
  'éa',
  '😀',
  'a😀b',
  '\uffff',
  'a%b',
  '_',
  '"\\',
  'x\n',
  'ccab',
];

const bits = new Map<number, bigint>([
  [DataType.Int8, 8n],
  [DataType.Int16, 16n],
  [DataType.Int32, 32n],
]);
export const intsOf = (dataType: number): fc.Arbitrary<bigint> => {
  const size = bits.get(dataType) ?? 64n;
  const limit = 2n ** (size - 1n);
  const pool = intPool.filter((value) => value >= -limit && value < limit);
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...pool) },
    fc.bigInt({ min: -limit, max: limit - 1n }),
  );
};
export const anyInt = intsOf(DataType.Int64);
export const anyDouble = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...doublePool) }, fc.double());
export const anyFloat = anyDouble.map(Math.fround);
export const anyText = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...textPool) },
  fc.array(fc.constantFrom('a', 'b', 'c', 'é', '😀', '%'), { maxLength: 8 }).map((parts) => parts.join('')),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);
/** Within the years that clients may write. */
export const anyTime = fc.oneof(
  fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
  fc.constantFrom(0n, -1n, 951_782_400_000_000n, 1_709_164_800_000_000n),
);

const keyPool = ['a', 'b', 'é', '0', '1', 'x"y', 'long key'];
export const anyKey = fc.constantFrom(...keyPool);
const jsonDouble = anyDouble.filter(Number.isFinite);
const anyJson = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false),
    anyInt,
    jsonDouble,
    anyText,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(anyKey, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

const anyScalar = fc.oneof(anyInt, jsonDouble, anyText, fc.boolean());
/** Mostly with a scalar at one key and an array of scalars at another, where predicates ask most. */
const anyDocument: fc.Arbitrary<Json> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.dictionary(anyKey, anyJson, { maxKeys: 3, noNullPrototype: true }),
        anyScalar,
        fc.array(anyScalar, { maxLength: 4 }),
      )
      .map(([rest, a, b]): Json => ({ ...rest, a, b })),
  },
  fc.dictionary(anyKey, anyJson, { maxKeys: 5, noNullPrototype: true }),
  anyJson,
);

const fieldValue = (field: FieldRef, dataType = field.dataType): fc.Arbitrary<unknown> => {
  switch (dataType) {
    case DataType.Bool:
      return fc.boolean();
    case DataType.Float:
      return anyFloat;
    case DataType.Double:
      return anyDouble;
    case DataType.VarChar:
      return anyText;
    case DataType.Timestamptz:
      return anyTime;
    case DataType.JSON:
      return anyDocument.map((value) => ({ json: value }));
    case DataType.Array:
      return fc.array(fieldValue(field, field.elementType), { maxLength: 5 });
    default:
      return intsOf(dataType);
  }
};

const nullOr = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.option(value, { freq: 6, nil: null });

export const anyRow: fc.Arbitrary<Row> = fc
  .tuple(
    fc.tuple(...fields.map((field) => nullOr(fieldValue(field)))),
    nullOr(fc.array(fc.tuple(anyInt, anyText), { maxLength: 6 })),
  )
  .map(([values, members]) => {
    const row = new Map(fields.map((field, at) => [field.fieldId, values[at]]));
    const pairs = members as readonly (readonly [bigint, string])[] | null;
    row.set(memberInts.fieldId, pairs?.map(([value]) => value) ?? null);
    row.set(memberTexts.fieldId, pairs?.map(([, value]) => value) ?? null);
    return row;
  });
