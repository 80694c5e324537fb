// Values of every type to columns, exactly; and the texts that are refused.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { must } from '#base/assert.js';
import { checkBatch, findColumn, int64At, isNull, stringAt } from '#model/columns/column.js';
import { fieldsFromBatch } from '#model/columns/field-data-out.js';
import { jsonBytesOfText as rowBytes } from '#model/json/json-bytes.js';
import { isJsonText } from '#model/json/json-text.js';
import { DataType } from '#model/schema/data-type.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { JsonColumns } from './json-columns.js';

const param = (key: string, value: number) => [{ key, value: String(value) }];
const id = { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true };
const schemaOf = (...fields: object[]): CollectionSchema =>
  CollectionSchema.fromPartial({ name: 'books', fields: [id, ...(fields as (typeof id)[])] });
const scalar = (dataType: number, more: object = {}) =>
  schemaOf({ fieldID: 101n, name: 'x', dataType, ...more });
const meta = { fieldID: 102n, name: '$meta', dataType: DataType.JSON, isDynamic: true };
function columnX(schema: CollectionSchema, raws: readonly (string | undefined)[]) {
  const columns = new JsonColumns(schema);
  raws.forEach((raw, row) => {
    columns.addWhole(rowBytes(`{"id":${row}${raw === undefined ? '' : `,"x":${raw}`}}`));
  });
  const batch = columns.finish();
  checkBatch(batch, schema);
  return findColumn(batch, 101n) as NonNullable<ReturnType<typeof findColumn>>;
}

const viewOf = ({ data }: { data: Uint8Array }) => new DataView(data.buffer, data.byteOffset, data.length);

describe('JsonColumns', () => {
  it('keeps every int64', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), (values) => {
        const from = columnX(scalar(DataType.Int64), values.map(String));
        expect(values.map((_, row) => int64At(from, row))).toEqual(values);
      }),
    );
  });
  it('keeps every double, float32, text and vector', () => {
    const finite = { noNaN: true, noDefaultInfinity: true };
    fc.assert(
      fc.property(
        fc.array(fc.double(finite)),
        fc.array(fc.float(finite)),
        fc.array(fc.string({ unit: 'grapheme' })),
        (doubles, floats, texts) => {
          const double = viewOf(columnX(scalar(DataType.Double), doubles.map(String)));
          doubles.forEach((value, row) => {
            expect(double.getFloat64(row * 8, true)).toBe(
              value === 0 ? double.getFloat64(row * 8, true) : value,
            );
          });
          const float = viewOf(columnX(scalar(DataType.Float), floats.map(String)));
          floats.forEach((value, row) => {
            expect(float.getFloat32(row * 4, true) + 0).toBe(value + 0);
          });
          const well = texts.filter((text) => !/\p{Surrogate}/u.test(text));
          const from = columnX(
            scalar(DataType.VarChar, { typeParams: param('max_length', 65_535) }),
            well.map((text) => JSON.stringify(text)),
          );
          expect(well.map((_, row) => stringAt(from, row))).toEqual(well);
          const pairs = floats.map((value) => [value, 1.5]);
          const vectors = viewOf(
            columnX(
              scalar(DataType.FloatVector, { typeParams: param('dim', 2) }),
              pairs.map((pair) => JSON.stringify(pair)),
            ),
          );
          pairs.forEach(([value = 0], row) => {
            expect(vectors.getFloat32(row * 8, true) + 0).toBe(value + 0);
          });
        },
      ),
    );
  });
  it('keeps the text of JSON fields, bare or quoted', () => {
    const from = columnX(scalar(DataType.JSON), [
      '{"big": 9007199254740993, "__proto__": 1.10}',
      '"{\\"a\\":[1]}"',
      '[1, 2]',
    ]);
    expect([0, 1, 2].map((row) => stringAt(from, row))).toEqual([
      '{"big": 9007199254740993, "__proto__": 1.10}',
      '{"a":[1]}',
      '[1, 2]',
    ]);
  });
  it('fills what is missing or null with the default, else null', () => {
    const nullable = columnX(scalar(DataType.Int32, { nullable: true }), ['7', 'null', undefined, '8']);
    expect([0, 1, 2, 3].map((row) => isNull(nullable, row))).toEqual([false, true, true, false]);
    const text = columnX(scalar(DataType.VarChar, { nullable: true, typeParams: param('max_length', 9) }), [
      undefined,
      '"a"',
    ]);
    expect([isNull(text, 0), stringAt(text, 1)]).toEqual([true, 'a']);
    const preset = scalar(DataType.Int64, {
      nullable: true,
      defaultValue: { data: { $case: 'longData', value: 42n } },
    });
    const filled = columnX(preset, [undefined, 'null', '1']);
    expect([0, 1, 2].map((row) => [isNull(filled, row), int64At(filled, row)])).toEqual([
      [false, 42n],
      [false, 42n],
      [false, 1n],
    ]);
  });
  it('puts unknown keys into $meta', () => {
    const schema = schemaOf(meta);
    const columns = new JsonColumns(schema);
    columns.addWhole(rowBytes('{"id":1}'));
    columns.addWhole(rowBytes('{"id":2,"a":9007199254740993,"__proto__":{"b":[1]}}'));
    columns.addWhole(rowBytes('{"a":1,"$meta":{"c":2},"id":3}'));
    columns.addWhole(rowBytes('{"$meta":"{ \\"c\\": 2 }","id":4}'));
    const batch = columns.finish();
    checkBatch(batch, schema);
    const from = findColumn(batch, 102n) as NonNullable<ReturnType<typeof findColumn>>;
    const texts = ['{}', '{"a":9007199254740993,"__proto__":{"b":[1]}}', '{"c":2,"a":1}', '{"c": 2}'];
    expect(texts.map((_, row) => stringAt(from, row).replace('{ ', '{'))).toEqual(texts);
  });
  it('can be filled again', () => {
    const columns = new JsonColumns(scalar(DataType.Bool, { nullable: true }));
    columns.addWhole(rowBytes('{"id":1}'));
    expect(columns.finish().columns[1]?.valid).toEqual(Uint8Array.of(0));
    columns.reset();
    columns.addWhole(rowBytes('{"id":2,"x":true}'));
    const batch = columns.finish();
    expect([batch.rowCount, batch.columns[1]?.data, batch.columns[1]?.valid.length]).toEqual([
      1,
      Uint8Array.of(1),
      0,
    ]);
  });

  const text9 = { typeParams: param('max_length', 9) };
  const dim2 = { typeParams: param('dim', 2) };
  it.each<[number, object, string | undefined, RegExp]>([
    [DataType.Bool, {}, '1', /expected true or false/],
    [DataType.Int8, {}, '128', /-128 to 127/],
    [DataType.Int8, {}, '1.0', /-128 to 127/],
    [DataType.Int16, {}, '-32769', /does not fit type Int16/],
    [DataType.Int32, {}, '"1"', /does not fit type Int32/],
    [DataType.Int64, {}, '9223372036854775808', /does not fit type Int64/],
    [DataType.Int64, {}, '1e3', /does not fit type Int64/],
    [DataType.Int64, {}, '01', /does not fit/],
    [DataType.Int64, {}, undefined, /missing or null/],
    [DataType.Float, {}, '1e39', /finite/],
    [DataType.Double, {}, '1e400', /finite/],
    [DataType.Double, {}, 'NaN', /finite/],
    [DataType.VarChar, text9, '"ééééé"', /10 bytes in UTF-8, expected at most 9/],
    [DataType.VarChar, text9, '"\\ud800"', /valid Unicode/],
    [DataType.VarChar, text9, '1', /string/],
    [DataType.JSON, {}, '"{"', /JSON/],
    [DataType.JSON, {}, '{"a":}', /JSON/],
    [DataType.JSON, {}, `"[${'1,'.repeat(40_000)}1]"`, /at most 65536/],
    [DataType.FloatVector, dim2, '[1]', /1 values, expected 2/],
    [DataType.FloatVector, dim2, '[1,"2"]', /element 1/],
    [DataType.FloatVector, dim2, '[1,1e39]', /element 1/],
    [DataType.FloatVector, dim2, '{"0":1}', /list of 2/],
    [DataType.FloatVector, dim2, 'null', /missing or null/],
  ])('refuses type %i %j %s', (dataType, more, raw, message) => {
    const run = () => columnX(scalar(dataType, more), [raw]);
    expect(run).toThrow(message);
    expect(run).toThrow(/^field "x": /);
    expect(run).toThrow(expect.objectContaining({ key: 'import_failed' }));
  });
  it.each([
    ['{"id":1,"y":2}', /not in the schema/],
    ['{"id":1,"id":2}', /twice/],
    ['{"id":1,}', /a key/],
    ['{"id" 1}', /":"/],
    ['{"id":1} x', /the end of the row/],
    ['[1]', /expected "{"/],
    [`{"id":${'['.repeat(1e5)}`, /nested deeper than 512/],
    ['{"id":"', /has no end/],
  ])('refuses the row %.40j', (text, message) =>
    expect(() => new JsonColumns(schemaOf()).addWhole(rowBytes(text))).toThrow(message),
  );
  it.each([
    ['{"x":6,"$meta":{"x":8}}', /^field "x": is given twice in the row/],
    ['{"$meta":{"x":8},"x":6}', /^field "x": is given twice in the row/],
    ['{"$meta":{"x":8,"\\u0078":6}}', /^field "x": is given twice in the row/],
    ['{"$meta":{"x":{"y":1,"z":[{"y":2,"y":3}]}}}', /^field "\$meta": has the key "y" twice/],
    ['{"x":{"y":1,"y":2}}', /^field "\$meta": has the key "y" twice/],
    ['{"$meta":{"j":8}}', /dynamic field name cannot include the static field name: j/],
    ['{"$meta":"{\\"id\\":8}"}', /dynamic field name cannot include the static field name: id/],
    ['{"$meta":{"$meta":8}}', /cannot set json key to: \$meta/],
    ['{"j":{"a":1,"a":2}}', /^field "j": has the key "a" twice/],
    ['{"s":{"1":1,"1":2}}', /^field "s": has the key "1" twice/],
  ])('loses no value of %j in silence', (text, message) => {
    const schema = schemaOf(
      { fieldID: 101n, name: 'j', dataType: DataType.JSON, nullable: true },
      { fieldID: 103n, name: 's', dataType: DataType.SparseFloatVector, nullable: true },
      meta,
    );
    expect(() => new JsonColumns(schema).addWhole(rowBytes(`{"id":1,${text.slice(1)}`))).toThrow(message);
  });
  it('takes keys of any name', () => {
    const columns = new JsonColumns(schemaOf(meta));
    columns.addWhole(
      rowBytes('{"id":1,"__proto__":{"a":1},"constructor":2,"$meta":{"toString":{"a":1,"b":{"a":1}}}}'),
    );
    expect(stringAt(must(columns.finish().columns[1], '$meta'), 0)).toBe(
      '{"toString":{"a":1,"b":{"a":1}},"__proto__":{"a":1},"constructor":2}',
    );
  });
  it('refuses keys the collection makes, and types it cannot fill', () => {
    const auto = CollectionSchema.fromPartial({ name: 'books', fields: [{ ...id, autoID: true }, meta] });
    expect(() => new JsonColumns(auto).addWhole(rowBytes('{"id":1}'))).toThrow(/autoID/);
    expect(() => new JsonColumns(scalar(DataType.Mol))).toThrow(
      expect.objectContaining({ key: 'unsupported' }),
    );
  });
  it('reads lists, geometries and points in time', () => {
    const params = [
      { key: 'max_capacity', value: '3' },
      { key: 'max_length', value: '4' },
    ];
    const schema = schemaOf(
      {
        fieldID: 101n,
        name: 'longs',
        dataType: DataType.Array,
        elementType: DataType.Int64,
        typeParams: params,
      },
      {
        fieldID: 102n,
        name: 'texts',
        dataType: DataType.Array,
        elementType: DataType.VarChar,
        typeParams: params,
      },
      { fieldID: 103n, name: 'place', dataType: DataType.Geometry, nullable: true },
      { fieldID: 104n, name: 'at', dataType: DataType.Timestamptz },
    );
    const columns = new JsonColumns(schema);
    columns.addWhole(
      rowBytes(
        '{"id":1,"longs":[9223372036854775807, -1],"texts":["a,b","ü]"],"place":"POINT(1 2)","at":"2025-01-01T00:00:00+08:00"}',
      ),
    );
    columns.addWhole(rowBytes('{"id":2,"longs":[],"texts":[ ],"place":null,"at":1000000}'));
    const batch = columns.finish();
    const answer = fieldsFromBatch(schema, batch, [101n, 102n, 103n, 104n]);
    const values = answer.map(({ field }) =>
      field?.$case === 'scalars' ? field.value.data?.value.data : undefined,
    );
    expect(values[0]).toEqual([
      { data: { $case: 'longData', value: { data: expect.anything() } } },
      { data: { $case: 'longData', value: { data: new Uint8Array(0) } } },
    ]);
    expect(values[1]).toEqual([
      { data: { $case: 'stringData', value: { data: ['a,b', 'ü]'] } } },
      { data: { $case: 'stringData', value: { data: [] } } },
    ]);
    expect(values[2]).toEqual(['POINT (1 2)', '']);
    expect(values[3]).toEqual(['2024-12-31T16:00:00Z', '1970-01-01T00:00:01Z']);
    for (const bad of [
      '{"id":3,"longs":[1,2,3,4],"texts":[],"at":0}',
      '{"id":3,"longs":[1.5],"texts":[],"at":0}',
      '{"id":3,"longs":[[1]],"texts":[],"at":0}',
      '{"id":3,"longs":1,"texts":[],"at":0}',
      '{"id":3,"longs":[],"texts":["12345"],"at":0}',
      '{"id":3,"longs":[],"texts":[],"at":"yesterday"}',
      '{"id":3,"longs":[],"texts":[],"at":0,"place":"POINT(1)"}',
    ])
      expect(() => new JsonColumns(schema).addWhole(rowBytes(bad)), bad).toThrow(/longs|texts|at|place/);
  });
  it('ends any text in a row or a typed error, and every JSON text it takes is one', () => {
    const schema = schemaOf(
      { fieldID: 101n, name: 'x', dataType: DataType.JSON, nullable: true },
      { fieldID: 103n, name: 'v', dataType: DataType.FloatVector, ...dim2, nullable: true },
      meta,
    );
    const valid = '{"id":12,"x":{"a":[1,"\\u00e9"]},"v":[0.5,-1e-3],"k":null,"$meta":"{\\"z\\":1}"}';
    const edit = fc.tuple(
      fc.nat(valid.length),
      fc.nat(3),
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\01e-.nulx '), maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 4 }), (edits) => {
        const text = edits.reduce(
          (from, [at, drop, put]) => from.slice(0, at) + put + from.slice(at + drop),
          valid,
        );
        const columns = new JsonColumns(schema);
        try {
          columns.addWhole(rowBytes(text));
        } catch (error) {
          expect(error).toMatchObject({ key: 'import_failed' });
          return;
        }
        const parsed = JSON.parse(text) as object; // Throws when a text was taken that is not JSON.
        expect(parsed).toBeTypeOf('object');
        const batch = columns.finish();
        checkBatch(batch, schema);
        for (const fieldId of [101n, 102n]) {
          const from = findColumn(batch, fieldId);
          if (from && !isNull(from, 0)) expect(isJsonText(from.data)).toBe(true);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
