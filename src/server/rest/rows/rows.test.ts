// Rows from JSON to the messages and back, and what is refused on the way.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonBytesOfText } from '#model/json/json-bytes.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { float32Text } from '#server/rest/answers/float32-text.js';
import { RawJson } from '#server/rest/raw-json.js';
import { templateValues } from './expr-params.js';
import { type ReadRows, type RowsOptions, readRows as rowsOf } from './rows-in.js';
import { rowColumns, rowCountOf, rowText } from './rows-out.js';

const readRows = (schema: CollectionSchema, text: string, options: RowsOptions): ReadRows =>
  rowsOf(schema, new RawJson(jsonBytesOfText(text)), options);

const param = (pairs: Readonly<Record<string, number>>) =>
  Object.entries(pairs).map(([key, value]) => ({ key, value: String(value) }));
const id = { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true };
const schemaOf = (...fields: object[]): CollectionSchema =>
  CollectionSchema.fromPartial({ name: 'c', fields: [id, ...(fields as (typeof id)[])] });
const plain = { withKeys: false, isPartial: false };

/** Rows as they are answered when all is asked for. */
function through(schema: CollectionSchema, rows: string, int64AsText = false): string {
  const { fieldsData } = readRows(schema, rows, plain);
  const columns = rowColumns(fieldsData, { int64AsText, outputFields: ['*'] });
  const texts = Array.from({ length: rowCountOf(fieldsData[0]) }, (_, row) => rowText(columns, row));
  return `[${texts.join(',')}]`;
}

it('int64 that was answered as text is read as what it was, in keys and in arrays', () => {
  const schema = schemaOf({
    ...{ fieldID: 101n, name: 'a', dataType: DataType.Array, elementType: DataType.Int64 },
    typeParams: param({ max_capacity: 9 }),
  });
  const rows = `[{"id":-9223372036854775808,"a":[9007199254740993,-1]},{"id":7,"a":[]}]`;
  const asText = through(schema, rows, true);
  expect(asText).toContain('"id":"-9223372036854775808","a":["9007199254740993","-1"]');
  expect(through(schema, asText)).toBe(rows);
  for (const wrong of ['"1.5"', '" 1"', '""', '"', '"0x1"', '"9223372036854775808"', '"1e3"'])
    expect(() => readRows(schema, `[{"id":${wrong},"a":[]}]`, plain), wrong).toThrow();
});

describe('rows', () => {
  const every = schemaOf(
    { fieldID: 101n, name: 'b', dataType: DataType.Bool, nullable: true },
    { fieldID: 102n, name: 'i', dataType: DataType.Int32, nullable: true },
    { fieldID: 103n, name: 'f', dataType: DataType.Float, nullable: true },
    { fieldID: 104n, name: 'd', dataType: DataType.Double, nullable: true },
    {
      fieldID: 105n,
      name: 's',
      dataType: DataType.VarChar,
      nullable: true,
      typeParams: param({ max_length: 99 }),
    },
    { fieldID: 106n, name: 'j', dataType: DataType.JSON, nullable: true },
    {
      fieldID: 107n,
      name: 'a',
      dataType: DataType.Array,
      elementType: DataType.Int64,
      nullable: true,
      typeParams: param({ max_capacity: 9 }),
    },
    {
      fieldID: 108n,
      name: 'fv',
      dataType: DataType.FloatVector,
      nullable: true,
      typeParams: param({ dim: 2 }),
    },
    {
      fieldID: 109n,
      name: 'bv',
      dataType: DataType.BinaryVector,
      nullable: true,
      typeParams: param({ dim: 16 }),
    },
    {
      fieldID: 110n,
      name: 'hv',
      dataType: DataType.Float16Vector,
      nullable: true,
      typeParams: param({ dim: 2 }),
    },
    {
      fieldID: 111n,
      name: 'iv',
      dataType: DataType.Int8Vector,
      nullable: true,
      typeParams: param({ dim: 2 }),
    },
    { fieldID: 112n, name: 'sv', dataType: DataType.SparseFloatVector, nullable: true },
    { fieldID: 113n, name: 't', dataType: DataType.Timestamptz, nullable: true },
    { fieldID: 114n, name: 'g', dataType: DataType.Geometry, nullable: true },
  );
  const full =
    '{"id":9223372036854775807,"b":true,"i":-5,"f":0.1,"d":0.1,"s":"é\\n","j":"{\\"x\\":9007199254740993}","a":[9007199254740993],' +
    '"fv":[0.1,-2],"bv":"AQI=","hv":"ADwAPA==","iv":[-128,127],"sv":{"1":0.5},"t":"2025-01-01T00:00:00Z","g":"POINT (1 2)"}';
  const empty =
    '{"id":1,"b":null,"i":null,"f":null,"d":null,"s":null,"j":null,"a":null,"fv":null,"bv":null,"hv":null,"iv":null,"sv":null,"t":null,"g":null}';

  it('come back as they went in, nulls among them', () => {
    for (const rows of [`[${full}]`, `[${empty}]`, `[${full},${empty},${full}]`, `[${empty},${full}]`])
      expect(through(every, rows)).toBe(rows);
  });

  it('keep nothing of the bytes that they came in', () => {
    const source = jsonBytesOfText(`[${full},${empty}]`);
    const read = (from: typeof source) => rowsOf(every, new RawJson(from), plain);
    const { fieldsData } = read(source);
    source.bytes.fill(0x39);
    expect(fieldsData).toEqual(read(jsonBytesOfText(`[${full},${empty}]`)).fieldsData);
  });

  it('have int64 as text where it is asked for, in lists too', () => {
    expect(through(every, `[${full}]`, true)).toContain('"id":"9223372036854775807"');
    expect(through(every, `[${full}]`, true)).toContain('"a":["9007199254740993"]');
  });

  it('keep every float32 in the shortest text', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Math.fround(Number(float32Text(value))) + 0).toBe(value + 0);
      }),
    );
    expect(
      [0.1, 16_777_216, 1e-45, 3.4028234663852886e38].map((value) => float32Text(Math.fround(value))),
    ).toEqual(['0.1', '16777216', '1e-45', '3.4028235e+38']);
  });

  it('give only the dynamic keys that were asked for', () => {
    const schema = schemaOf({ fieldID: 101n, name: '$meta', dataType: DataType.JSON, isDynamic: true });
    const { fieldsData } = readRows(schema, '[{"id":1,"a":1,"b":{"c":9007199254740993}}]', plain);
    const rowOf = (outputFields: string[]): string =>
      rowText(rowColumns(fieldsData, { int64AsText: true, outputFields }), 0);
    expect(rowOf(['*'])).toBe('{"id":"1","a":1,"b":{"c":9007199254740993}}');
    expect(rowOf(['b'])).toBe('{"id":"1","b":{"c":9007199254740993}}');
    expect(rowOf(['id'])).toBe('{"id":"1"}');
    expect(rowOf(['$meta'])).toBe('{"id":"1","a":1,"b":{"c":9007199254740993}}');
  });

  it('have times of the zone of their collection', () => {
    const timed = schemaOf({ fieldID: 101n, name: 't', dataType: DataType.Timestamptz });
    const rows = '[{"id":1,"t":"2025-01-01T00:00:00"},{"id":2,"t":"2025-01-01T00:00:00Z"}]';
    const { fieldsData } = readRows(timed, rows, { ...plain, zone: 'Asia/Shanghai' });
    const [, column] = rowColumns(fieldsData, { int64AsText: false, outputFields: [] });
    expect([0, 1].map((row) => column?.membersAt(row))).toEqual([
      '"t":"2024-12-31T16:00:00Z"',
      '"t":"2025-01-01T00:00:00Z"',
    ]);
  });

  it('have the value of a field that was added, not that of an older dynamic key of its name', () => {
    const before = schemaOf({ fieldID: 101n, name: '$meta', dataType: DataType.JSON, isDynamic: true });
    const after = schemaOf({ fieldID: 102n, name: 'level', dataType: DataType.Int32 });
    const [meta] = readRows(before, '[{"id":1,"level":10,"other":2}]', plain).fieldsData.slice(-1);
    const { fieldsData } = readRows(after, '[{"id":1,"level":7}]', plain);
    const columns = rowColumns([...fieldsData, ...(meta === undefined ? [] : [meta])], {
      int64AsText: false,
      outputFields: ['*'],
    });
    expect(rowText(columns, 0)).toBe('{"id":1,"level":7,"other":2}');
  });

  it('of a partial update have the fields of the first', () => {
    const partial = { withKeys: true, isPartial: true };
    const { fieldsData, numRows } = readRows(every, '[{"id":1,"i":2},{"i":3,"id":4}]', partial);
    expect([numRows, fieldsData.map(({ fieldName }) => fieldName)]).toEqual([2, ['id', 'i']]);
    expect(() => readRows(every, '[{"id":1,"i":2},{"id":4,"b":true}]', partial)).toThrow(
      /same fields in all rows/,
    );
  });

  it('have their keys where an upsert says which they are', () => {
    const auto = CollectionSchema.fromPartial({ name: 'c', fields: [{ ...id, autoID: true }] });
    const keyed = { withKeys: true, isPartial: false };
    expect(readRows(auto, '[{"id":7}]', keyed).fieldsData).toHaveLength(1);
    expect(() => readRows(auto, '[{"id":7}]', plain)).toThrow(/autoID/);
  });

  it('that say little and stand for much are bounded', () => {
    const large = schemaOf({
      fieldID: 101n,
      name: 'v',
      dataType: DataType.FloatVector,
      nullable: true,
      typeParams: param({ dim: 1024 }),
    });
    const rows = `[${Array.from({ length: 100 }, (_, at) => `{"id":${at}}`).join(',')}]`;
    expect(readRows(large, rows, plain).numRows).toBe(100);
    expect(() => readRows(large, rows, { ...plain, columnBytesMax: 100_000 })).toThrow(
      /more than 100000 bytes/,
    );
  });
});

it('values of templates have the type of what stands there', () => {
  expect(templateValues({ a: 1, b: 1.5, c: 'x', d: true, e: 9007199254740993n, f: [] })).toMatchObject({
    a: { val: { $case: 'int64Val', value: 1n } },
    b: { val: { $case: 'floatVal', value: 1.5 } },
    c: { val: { $case: 'stringVal', value: 'x' } },
    d: { val: { $case: 'boolVal', value: true } },
    e: { val: { $case: 'int64Val', value: 9007199254740993n } },
    f: { val: { $case: 'arrayVal' } },
  });
  expect(templateValues({ a: [1, 2.5] }).a).toMatchObject({
    val: { value: { data: { $case: 'doubleData' } } },
  });
});
