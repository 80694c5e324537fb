// Names, schemas, values and filters at the edges of what is allowed, with what becomes of each: tables for bad-inputs.test.ts.
import { DataType, FieldData, type FieldSchema } from '#proto/milvus/schema.js';
import { floats, ints, jsons, longs, texts } from '../support/field-data.js';

export type PartialField = Parameters<typeof FieldSchema.fromPartial>[0];
const param = (key: string, value: unknown) => ({ key, value: String(value) });
export const id: PartialField = { name: 'id', dataType: DataType.Int64, isPrimaryKey: true };
export const vector = (
  dim: unknown,
  dataType: DataType = DataType.FloatVector,
  name = 'v',
): PartialField => ({
  name,
  dataType,
  typeParams: [param('dim', dim)],
});
const text = (max: unknown): PartialField => ({
  name: 's',
  dataType: DataType.VarChar,
  typeParams: [param('max_length', max)],
});
const list = (elementType: DataType, capacity: unknown = 8): PartialField => ({
  name: 'l',
  dataType: DataType.Array,
  elementType,
  typeParams: [param('max_capacity', capacity)],
});
const partitionKey = (dataType: DataType, more: PartialField = {}): PartialField => ({
  name: 'p',
  dataType,
  isPartitionKey: true,
  ...more,
});
const deflt = (dataType: DataType, data: object): PartialField =>
  ({ name: 'd', dataType, defaultValue: { data } }) as PartialField;

/** What, the name or the fields, more of the request; and the text of the refusal, or undefined where it is allowed. */
export const names: readonly [name: string, refusal: string | undefined][] = [
  ['', 'collection name should not be empty'],
  ['a'.repeat(255), undefined],
  ['a'.repeat(256), 'the length of a collection name must be less than 255'],
  ['1a', 'the first character of a collection name must be an underscore or letter'],
  ['$meta', 'the first character'],
  ['..', 'the first character'],
  ['%2e%2e', 'the first character'],
  ['a/b', 'collection name can only contain numbers, letters'],
  ['a\\b', 'can only contain'],
  ['a.b', 'can only contain'],
  ['a b', 'can only contain'],
  ['a\u0000b', 'can only contain'],
  ['smile😀', 'can only contain'],
  ['\u202eabc', 'the first character'],
  ['é', 'the first character'],
  ['CON', undefined],
  ['NUL', undefined],
  ['AUX', undefined],
  ['_ok1', undefined],
];

export const fieldNames: readonly [name: string, refusal: string | undefined][] = [
  ['', 'field name should not be empty'],
  ['a'.repeat(256), 'Invalid field name'],
  ['1a', 'The first character of a field name'],
  ['$meta', 'The first character'],
  ['RowID', 'RowID is keyword in milvus'],
  ['Timestamp', 'Timestamp is keyword in milvus'],
  ['a-b', 'Field name can only contain'],
  ['a b', 'Field name can only contain'],
  ['smile😀', 'Field name can only contain'],
  ['v', 'duplicated field name'],
  ['_ok', undefined],
];

export const schemas: readonly [
  what: string,
  fields: PartialField[],
  refusal: string | undefined,
  more?: object,
][] = [
  ['no vector', [id], 'vector'],
  [
    'ten vectors',
    [id, ...Array.from({ length: 10 }, (_, at) => vector(2, DataType.FloatVector, `v${at}`))],
    undefined,
  ],
  [
    'a hundred vectors',
    [id, ...Array.from({ length: 100 }, (_, at) => vector(2, DataType.FloatVector, `v${at}`))],
    'maximum',
  ],
  ['dim 1', [id, vector(1)], 'invalid dimension: 1'],
  ['dim 2', [id, vector(2)], undefined],
  ['dim 32768', [id, vector(32_768)], undefined],
  ['dim 32769', [id, vector(32_769)], 'invalid dimension: 32769'],
  ['dim 2^31', [id, vector(2 ** 31)], 'invalid dimension: 2147483648'],
  ['dim 8.5', [id, vector('8.5')], 'invalid dimension: 8.5'],
  ['dim of binary that is no whole bytes', [id, vector(12, DataType.BinaryVector)], '12'],
  ['max_length 0', [id, vector(2), text(0)], 'should be in (0, 65535]'],
  ['max_length 65535', [id, vector(2), text(65_535)], undefined],
  ['max_length 65536', [id, vector(2), text(65_536)], 'should be in (0, 65535]'],
  ['max_length that is none', [id, vector(2), text('x')], 'must be an integer'],
  ['max_capacity 0', [id, vector(2), list(DataType.Int64, 0)], 'should be in (0, 4096]'],
  ['max_capacity 4096', [id, vector(2), list(DataType.Int64, 4096)], undefined],
  ['max_capacity 4097', [id, vector(2), list(DataType.Int64, 4097)], 'should be in (0, 4096]'],
  ['an array of arrays', [id, vector(2), list(DataType.Array)], 'element data type Array is not valid'],
  ['an array of JSON', [id, vector(2), list(DataType.JSON)], 'element data type JSON is not valid'],
  [
    'a default of another type',
    [id, vector(2), deflt(DataType.Int64, { $case: 'stringData', value: 'x' })],
    'default',
  ],
  [
    'a default out of range',
    [id, vector(2), deflt(DataType.Int8, { $case: 'intData', value: 300 })],
    'out of range',
  ],
  [
    'nulls in arrays',
    [id, vector(2), { ...list(DataType.Int64), elementNullable: true }],
    'element_nullable',
  ],
  [
    'a default on the key',
    [{ ...id, defaultValue: { data: { $case: 'longData', value: 1n } } }, vector(2)],
    'primary',
  ],
  ['two keys', [id, { ...id, name: 'id2' }, vector(2)], 'more than one primary key'],
  ['a nullable key', [{ ...id, nullable: true }, vector(2)], 'primary field not support null'],
  ['a key of doubles', [{ ...id, dataType: DataType.Double }, vector(2)], 'primary'],
  [
    'two partition keys',
    [id, vector(2), partitionKey(DataType.Int64), partitionKey(DataType.Int64, { name: 'q' })],
    'partition key',
  ],
  ['a partition key of floats', [id, vector(2), partitionKey(DataType.Float)], 'partition key'],
  [
    'a nullable partition key',
    [id, vector(2), partitionKey(DataType.Int64, { nullable: true })],
    'partition key field not support nullable',
  ],
  ['the key as partition key', [{ ...id, isPartitionKey: true }, vector(2)], 'partition key'],
  ['0 shards', [id, vector(2)], undefined, { shardsNum: 0 }],
  ['17 shards', [id, vector(2)], 'shard', { shardsNum: 17 }],
  ['2^31 - 1 shards', [id, vector(2)], 'shard', { shardsNum: 2 ** 31 - 1 }],
  ['4097 partitions', [id, vector(2), partitionKey(DataType.Int64)], 'partition', { numPartitions: 4097n }],
  [
    '100,000 partitions',
    [id, vector(2), partitionKey(DataType.Int64)],
    'partition',
    { numPartitions: 100_000n },
  ],
  ['partitions below 0', [id, vector(2), partitionKey(DataType.Int64)], 'partition', { numPartitions: -1n }],
];

const dense = (name: string, type: DataType, $case: string, bytes: Uint8Array, dim = 2n): FieldData =>
  FieldData.fromPartial({
    type,
    fieldName: name,
    field: { $case: 'vectors', value: { dim, data: { $case, value: bytes } } },
  } as Parameters<typeof FieldData.fromPartial>[0]);
export const floatVector = (values: readonly number[]): FieldData =>
  FieldData.fromPartial({
    type: DataType.FloatVector,
    fieldName: 'v',
    field: {
      $case: 'vectors',
      value: {
        dim: 2n,
        data: { $case: 'floatVector', value: { data: new Uint8Array(Float32Array.from(values).buffer) } },
      },
    },
  });
export const halves = (...words: readonly number[]): FieldData =>
  dense('half', DataType.Float16Vector, 'float16Vector', new Uint8Array(Uint16Array.from(words).buffer));
export const brains = (...words: readonly number[]): FieldData =>
  dense('brain', DataType.BFloat16Vector, 'bfloat16Vector', new Uint8Array(Uint16Array.from(words).buffer));
export const sparse = (...pairs: readonly [index: number, value: number][]): FieldData => {
  const bytes = new DataView(new ArrayBuffer(pairs.length * 8));
  pairs.forEach(([index, value], at) => {
    bytes.setUint32(at * 8, index, true);
    bytes.setFloat32(at * 8 + 4, value, true);
  });
  return sparseBytes(new Uint8Array(bytes.buffer));
};
const sparseBytes = (bytes: Uint8Array): FieldData =>
  FieldData.fromPartial({
    type: DataType.SparseFloatVector,
    fieldName: 'sparse',
    field: {
      $case: 'vectors',
      value: { dim: 10n, data: { $case: 'sparseFloatVector', value: { contents: [bytes], dim: 10n } } },
    },
  });
const strings = (name: string, type: DataType, value: string): FieldData => texts(name, [value], { type });
const zone = (value: string): FieldData => strings('at', DataType.Timestamptz, value);
const shape = (value: string): FieldData =>
  FieldData.fromPartial({
    type: DataType.Geometry,
    fieldName: 'place',
    field: { $case: 'scalars', value: { data: { $case: 'geometryWktData', value: { data: [value] } } } },
  });
const dynamic = (value: string): FieldData => jsons('$meta', [value], { isDynamic: true });

/** One column of a row in the place of a good one; the text of the refusal, or undefined where it is allowed. */
export const values: readonly [what: string, column: FieldData, refusal: string | undefined][] = [
  ['NaN', floatVector([Number.NaN, 0]), 'v'],
  ['an infinity', floatVector([Number.NEGATIVE_INFINITY, 0]), 'v'],
  ['denormals', floatVector([1e-45, -1e-45]), undefined],
  ['a zero vector under COSINE', floatVector([0, 0]), undefined],
  ['a half that is NaN', halves(0x7e00, 0), 'half'],
  ['a half that is infinite', halves(0xfc00, 0), 'half'],
  ['a bfloat16 that is NaN', brains(0x7fc0, 0), 'brain'],
  ['a bfloat16 that is infinite', brains(0x7f80, 0), 'brain'],
  ['a half too few', halves(0x3c00), 'float16'],
  ['sparse, unsorted', sparse([5, 1], [3, 1]), 'unsorted or same indices'],
  ['sparse, an index twice', sparse([3, 1], [3, 1]), 'unsorted or same indices'],
  ['sparse, below 0', sparse([3, -1]), 'negative value'],
  ['sparse, NaN', sparse([3, Number.NaN]), 'sparse'],
  ['sparse, index 2^32 - 1', sparse([2 ** 32 - 1, 1]), 'sparse'],
  ['sparse, index 2^32 - 2', sparse([2 ** 32 - 2, 1]), undefined],
  ['sparse, 0', sparse([3, 0]), undefined],
  ['sparse, empty', sparse(), undefined],
  ['sparse, cut short', sparseBytes(new Uint8Array(7)), 'sparse'],
  ['an Int8 of 300', ints('small', DataType.Int8, [300]), 'out of range'],
  ['an Int64 where an Int8 belongs', longs('small', [1n]), 'small'],
  ['the smallest Int64', longs('big', [-(2n ** 63n)]), undefined],
  ['the largest Int64', longs('big', [2n ** 63n - 1n]), undefined],
  ['a Float that is NaN', floats('real', [Number.NaN]), 'real'],
  ['a Float that is infinite', floats('real', [Number.POSITIVE_INFINITY]), 'real'],
  ['a Float of -0', floats('real', [-0]), undefined],
  ['a text too long', texts('name', ['éééééé']), 'exceeds max length'],
  ['a text as long as allowed', texts('name', ['ééééé']), undefined],
  ['a text with NUL', texts('name', ['a\u0000b']), undefined],
  ['JSON too large', jsons('doc', [`"${'x'.repeat(65_536)}"`]), 'exceeds max length'],
  ['JSON that is none', jsons('doc', ['{"a":']), 'doc'],
  ['JSON with something behind', jsons('doc', ['{} {}']), 'doc'],
  ['JSON with odd keys', jsons('doc', ['{"a.b":1,"c\\"d":2,"e[0]":3,"":4,"__proto__":5}']), undefined],
  ['JSON of large numbers', jsons('doc', ['[1e308, -0, 9007199254740993, 1e400]']), undefined],
  ['JSON, very deep', jsons('doc', [`${'['.repeat(30_000)}${']'.repeat(30_000)}`]), 'doc'],
  ['dynamic fields that are no object', dynamic('[1]'), '$meta'],
  ['a dynamic field of the name of a field', dynamic('{"name":"x"}'), 'name'],
  ['an array too long', listOf([1n, 2n, 3n, 4n]), 'exceeds max capacity'],
  ['an array as long as allowed', listOf([1n, 2n, 3n]), undefined],
  ['an empty array', listOf([]), undefined],
  ['a point without y', shape('POINT(1)'), 'invalid geometry'],
  ['a ring that is open', shape('POLYGON((0 0,1 0,1 1))'), 'invalid geometry'],
  ['an empty point', shape('POINT EMPTY'), undefined],
  ['the year 0', zone('0000-01-01T00:00:00Z'), 'invalid timestamptz'],
  ['the year 10000', zone('10000-01-01T00:00:00Z'), 'invalid timestamptz'],
  ['the year 9999', zone('9999-12-31T23:59:59.999999Z'), undefined],
  ['a leap second', zone('2016-12-31T23:59:60Z'), 'invalid timestamptz'],
  ['a zone of 99 hours', zone('2024-01-01T00:00:00+99:00'), 'invalid timestamptz'],
  ['a day that is none', zone('2024-02-30T00:00:00Z'), 'invalid timestamptz'],
];

function listOf(elements: readonly bigint[]): FieldData {
  const column = longs('list', elements);
  if (column.field?.$case !== 'scalars') throw new Error('no scalars');
  return FieldData.fromPartial({
    type: DataType.Array,
    fieldName: 'list',
    field: {
      $case: 'scalars',
      value: {
        data: { $case: 'arrayData', value: { data: [column.field.value], elementType: DataType.Int64 } },
      },
    },
  });
}

const circle = Array.from({ length: 100_000 }, (_, at) => `${Math.cos(at / 1e5)} ${Math.sin(at / 1e5)}`).join(
  ',',
);
/** The filter, and the text of the refusal, or how many of the rows 1, 2, 3 it finds. */
export const filters: readonly [filter: string, answer: string | number, what?: string][] = [
  ['small == 7 or 1 == 1', 3],
  ['id == 1)', "unexpected ')'"],
  ['(id == 1', 'unexpected end'],
  ['id in [1', "expected ',' or the closing bracket"],
  ['id == "', 'no closing'],
  ['id == 1; id == 2', "unexpected character ';'"],
  ['id == 1 ;drop', "unexpected character ';'"],
  ['id == 1 /* all */', "unexpected '*'"],
  ['id', 'not a boolean expression'],
  ['id == == 1', "unexpected '=='"],
  ['id = 1', "unexpected '='"],
  ['and id == 1', "unexpected 'and'"],
  ['id == 1 and', 'unexpected end'],
  ['id < 5 < 7', 'range operations'],
  ['1 < id > 3', 'does not continue'],
  ['3 >= id > 1', 2],
  ['id == 9223372036854775808', 'int64 overflow'],
  ['id == -9223372036854775808', 0],
  ['id / 0 == 1', 'division or modulus by zero'],
  ['id % 0 == 1', 'division or modulus by zero'],
  ['id + 9223372036854775807 > 0', 0],
  ['id == 0x1', 1],
  ['id == 1.0', 1],
  ['id == 1.5', 0],
  ['id == 1_000', 'invalid number'],
  ['name == 1', 'incompatible operands'],
  ['name in [1]', 'cannot be casted to VarChar'],
  ['id in [1, "a"]', 'cannot be casted to Int64'],
  ['id in []', 0],
  ['id not in []', 3],
  ['v == 1', 'not supported'],
  ['v is null', 'IsNull/IsNotNull operations are not supported on vector fields'],
  ['name like 5', 'must be a string'],
  ['name =~ "("', 'invalid regular expression'],
  ['name =~ "(a+)+$"', 0],
  ['name == "\\q"', "invalid escape '\\q'"],
  ['name == "\\u0000"', 0],
  ['text_match(name, "a")', 'does not enable match'],
  ['phrase_match(name, "a b")', 'does not enable match'],
  ['exists id', 'json'],
  ['list[-1] == 1', "unexpected '-'"],
  ['list[99999999999999999999] == 1', 'too large'],
  ['id == {x}', 'template variable name {x} is not found'],
  ['random_sample(2)', 'sample factor'],
  ['at > ISO "x"', 'invalid time'],
  ['st_within(place, "POLYGON((0 0")', 'invalid geometry'],
  ['nothing(id)', 'function nothing not found'],
  [
    `st_within(place, "POLYGON((${circle},1 0))")`,
    'more than 1048576 characters',
    'a polygon of 100,000 corners',
  ],
  [`id == 1${' or id == 1'.repeat(100_000)}`, 'cannot parse expression', 'a megabyte of or'],
  [`${'('.repeat(100_000)}id == 1${')'.repeat(100_000)}`, 'cannot parse expression', '100,000 brackets'],
  [`${'not '.repeat(100_000)}id == 1`, 'cannot parse expression', 'not, 100,000 times'],
  [`id == ${'-'.repeat(100_000)}1`, 'cannot parse expression', 'minus, 100,000 times'],
  [`doc${'["a"]'.repeat(1000)} == 1`, 0, 'a path of 1,000 steps'],
  [`doc${'["a"]'.repeat(100_000)} == 1`, 'cannot parse expression', 'a path of 100,000 steps'],
  [`id in [${Array.from({ length: 200_000 }, (_, at) => at).join(',')}]`, 3, 'in with 200,000 values'],
  [`name like "${'%'.repeat(60_000)}"`, 0, 'like with 60,000 %'],
  [`name like "${'%a'.repeat(30_000)}"`, 0, 'like with 30,000 %a'],
  [`name == "${'x'.repeat(1_000_000)}"`, 0, 'a text of a megabyte'],
];
