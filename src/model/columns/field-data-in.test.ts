import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { parseCollectionSchema } from '#model/schema/schema-check.js';
import { InsertRequest } from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType, type FieldData } from '#proto/milvus/schema.js';
import {
  floats,
  ints,
  jsons,
  longs,
  pk,
  refusal,
  schemaOf,
  texts,
  two,
  vec,
  vectors,
} from '../../../test/support/field-data.js';
import { generateAutoIds, keyColumn } from './auto-ids.js';
import { findColumn, int64At, stringAt } from './column.js';
import { batchFromFields } from './field-data-in.js';

describe('batchFromFields', () => {
  it('orders columns by schema and keeps vectors as views', () => {
    const sent = [vectors([1, 2, 3, 4]), longs('id', [7n, -8n])];
    const bytes = InsertRequest.encode(InsertRequest.create({ fieldsData: sent, numRows: 2 })).finish();
    const batch = batchFromFields(schemaOf([]), InsertRequest.decode(bytes).fieldsData, 2);
    expect(batch.columns.map((column) => column.fieldId)).toEqual([100n, 101n]);
    expect(batch.columns[1]?.data.buffer).toBe(bytes.buffer);
    expect([0, 1].map((row) => int64At(keyColumn(schemaOf([]), batch), row))).toEqual([7n, -8n]);
  });
  it('checks vectors', () => {
    expect(refusal(schemaOf([]), [longs('id', [1n]), vectors([1, 2, 3])], 1)).toContain(
      'the length(3) of float data should divide the dim(2)',
    );
    expect(refusal(schemaOf([]), [longs('id', [1n]), vectors([1, 2, 3, 4], 4n)], 1)).toContain(
      'is not equal to schema dim (2)',
    );
    expect(refusal(schemaOf([]), [longs('id', [1n]), vectors([1, 2, 3, 4])], 1)).toContain(
      'num_rows (2) of field (vec) is not equal to passed num_rows (1)',
    );
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(refusal(schemaOf([]), [longs('id', [1n]), vectors([1, bad])], 1)).toContain(
        'not a number or infinity',
      );
      const unaligned = vectors([]);
      const shifted = new Uint8Array(9);
      shifted.set(new Uint8Array(Float32Array.of(1, bad).buffer), 1);
      unaligned.field = {
        $case: 'vectors',
        value: { dim: 2n, data: { $case: 'floatVector', value: { data: shifted.subarray(1) } } },
      };
      expect(refusal(schemaOf([]), [longs('id', [1n]), unaligned], 1)).toContain('not a number or infinity');
    }
    batchFromFields(schemaOf([]), [longs('id', [1n]), vectors([-3.4028234663852886e38, 1e-45])], 1);
  });
  it('checks rows, columns and slots', () => {
    const schema = schemaOf([]);
    expect(refusal(schema, [longs('id', [1n]), vectors([1, 2, 3, 4])], 2)).toContain(
      'num_rows (1) of field (id) is not equal to passed num_rows (2)',
    );
    expect(refusal(schema, two, 0)).toContain('num_rows should be greater than 0');
    expect(refusal(schema, [...two, longs('x', [1n, 2n])], 2)).toContain('field x not exist');
    expect(refusal(schema, [...two, longs('id', [1n, 2n])], 2)).toContain('more than once');
    expect(refusal(schema, [vectors([1, 2])], 1)).toContain(
      'fieldSchema(id) has no corresponding fieldData pass in',
    );
    expect(refusal(schema, [texts('id', ['a', 'b']), vectors([1, 2, 3, 4])], 2)).toContain(
      'fieldData type(VarChar)',
    );
    expect(
      refusal(schema, [texts('id', ['a', 'b'], { type: DataType.Int64 }), vectors([1, 2, 3, 4])], 2),
    ).toContain('expected Int64 values');
    const damaged = longs('id', []);
    damaged.field = {
      $case: 'scalars',
      value: { data: { $case: 'longData', value: { data: Uint8Array.of(1, 0x80) } } },
    };
    expect(refusal(schema, [damaged, vectors([1, 2])], 1)).toContain('damaged');
  });
  it('checks ranges and lengths', () => {
    const schema = schemaOf([
      { name: 'i8', dataType: DataType.Int8 },
      { name: 's', dataType: DataType.VarChar, typeParams: [{ key: 'max_length', value: '4' }] },
    ]);
    const rest = (values: number[], strings: string[]) => [
      ...two,
      ints('i8', DataType.Int8, values),
      texts('s', strings),
    ];
    const batch = batchFromFields(schema, rest([-128, 127], ['éé', 'abcd']), 2);
    expect(new Int8Array(findColumn(batch, 102n)?.data.slice().buffer ?? new ArrayBuffer(0))).toEqual(
      Int8Array.of(-128, 127),
    );
    expect(refusal(schema, rest([0, 128], ['', '']), 2)).toContain('out of range for Int8');
    expect(refusal(schema, rest([0, 1], ['', 'ééa']), 2)).toContain(
      'length of varchar field s exceeds max length, row number: 1, length: 5, max length: 4',
    );
  });
  it('checks JSON', () => {
    const schema = schemaOf([{ name: 'j', dataType: DataType.JSON }]);
    batchFromFields(schema, [...two, jsons('j', ['1', '{"a":[]}'])], 2);
    expect(refusal(schema, [...two, jsons('j', ['1', '{a}'])], 2)).toContain(
      'invalid JSON in field(j), row number: 1',
    );
    expect(refusal(schema, [...two, jsons('j', ['1', `"${'x'.repeat(65_535)}"`])], 2)).toContain(
      'exceeds max length (65536)',
    );
    expect(refusal(schema, [...two, jsons('j', ['1', ''])], 2)).toContain('not nullable');
  });
  it('takes nulls compact or dense, and defaults for them', () => {
    const schema = schemaOf([
      { name: 'n', dataType: DataType.Int16, nullable: true },
      {
        name: 's',
        dataType: DataType.VarChar,
        nullable: true,
        typeParams: [{ key: 'max_length', value: '9' }],
      },
      {
        name: 'd',
        dataType: DataType.Int64,
        nullable: true,
        defaultValue: { data: { $case: 'longData', value: 5n } },
      },
      { name: 'j', dataType: DataType.JSON, nullable: true },
      { name: 'f', dataType: DataType.Float, nullable: true },
    ]);
    const validData = [false, true];
    const compact = [
      ...two,
      ints('n', DataType.Int16, [-3], { validData }),
      texts('s', ['x'], { validData }),
      longs('d', [9n], { validData }),
      jsons('j', ['{}'], { validData }),
      floats('f', [1.5], { validData }),
    ];
    const dense = [
      ...two,
      ints('n', DataType.Int16, [99, -3], { validData }),
      texts('s', ['zz', 'x'], { validData }),
      longs('d', [0n, 9n], { validData }),
      jsons('j', ['', '{}']),
      floats('f', [Number.NaN, 1.5], { validData }),
    ];
    const batch = batchFromFields(schema, compact, 2);
    expect(batchFromFields(schema, dense, 2)).toEqual(batch);
    for (const id of [102n, 103n, 105n, 106n])
      expect([...(findColumn(batch, id)?.valid ?? [])]).toEqual([0, 1]);
    const withDefault = findColumn(batch, 104n);
    expect(
      withDefault && [withDefault.valid.length, int64At(withDefault, 0), int64At(withDefault, 1)],
    ).toEqual([0, 5n, 9n]);
    expect(batchFromFields(schema, two, 2).columns.map(({ fieldId }) => fieldId)).toEqual([100n, 101n]);
    expect(refusal(schema, [...two, ints('n', DataType.Int16, [1], { validData: [true] })], 2)).toContain(
      'length of valid_data(1)',
    );
    expect(refusal(schema, [longs('id', [1n], { validData }), vectors([1, 2, 3, 4])], 2)).toContain(
      'not nullable',
    );
    expect(refusal(schema, [...two, ints('n', DataType.Int16, [1, 2, 3], { validData })], 2)).toContain(
      'num_rows (3)',
    );
  });
  it('leaves defaults out, but those of the partition key, which says where a row goes', () => {
    const text = {
      dataType: DataType.VarChar,
      typeParams: [{ key: 'max_length', value: '9' }],
      defaultValue: { data: { $case: 'stringData' as const, value: 'dé' } },
    };
    const schema = schemaOf([
      { name: 's', ...text },
      { name: 'p', ...text, isPartitionKey: true },
    ]);
    const batch = batchFromFields(schema, two, 2);
    expect(batch.columns.map(({ fieldId }) => fieldId)).toEqual([100n, 101n, 103n]);
    const key = findColumn(batch, 103n);
    expect(key && [stringAt(key, 0), stringAt(key, 1)]).toEqual(['dé', 'dé']);
  });
  it('refuses rows that are only claimed before it makes anything of them', () => {
    const auto = { ...pk, autoID: true };
    const text = {
      name: 's',
      dataType: DataType.VarChar,
      typeParams: [{ key: 'max_length', value: '65535' }],
      defaultValue: { data: { $case: 'stringData' as const, value: 'x'.repeat(65535) } },
    };
    const wide = { ...vec, nullable: true, typeParams: [{ key: 'dim', value: '32768' }] };
    const schema = parseCollectionSchema(CollectionSchema.fromPartial({ fields: [auto, wide, text] }), {
      collectionName: 'c',
    });
    const key = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        return error instanceof ElanusError ? `${error.key}: ${error.message}` : error;
      }
      return 'accepted';
    };
    const narrow = parseCollectionSchema(
      CollectionSchema.fromPartial({ fields: [auto, { ...vec, nullable: true }] }),
      {
        collectionName: 'c',
      },
    );
    expect(key(() => batchFromFields(narrow, [], 2 ** 32 - 1))).toMatch(
      /^parameter_too_large: parameter too large\[message=insert request size exceeds maxInsertSize\]: num_rows is 4294967295 and no column is sent/,
    );
    expect(key(() => batchFromFields(narrow, [], 90_000))).toBe('accepted');
    expect(key(() => batchFromFields(schema, [], 9000))).toMatch(
      /^parameter_too_large: .*9000 rows take \d+ bytes in memory, expected at most 1073741824/,
    );
    expect(key(() => batchFromFields(schema, [], 5000))).toBe('accepted');
    // Nulls of a column that is sent become defaults as well.
    const nulls = texts('s', [], { validData: new Array<boolean>(9000).fill(false) });
    expect(key(() => batchFromFields(schema, [nulls], 9000))).toContain('parameter_too_large');
  });
  it('collects dynamic keys in $meta', () => {
    const schema = schemaOf([], { enableDynamicField: true });
    const metaOf = (sent: FieldData[]) => {
      const column = findColumn(batchFromFields(schema, sent, 2), 102n);
      return column && [0, 1].map((row) => stringAt(column, row));
    };
    const meta = jsons('$meta', ['{}', ' {"a": 1 } '], { isDynamic: true });
    expect(metaOf(two)).toEqual(['{}', '{}']);
    expect(metaOf([...two, jsons('', ['', '{"z":2}'], { isDynamic: true })])).toEqual(['{}', '{"z":2}']);
    const extra = [
      longs('big', [2n ** 60n, 1n]),
      texts('say "x"', ['é', 'y'], { validData: [true, true] }),
      ints('t', DataType.Int8, [1], { validData: [false, true] }),
    ];
    const merged = metaOf([...two, meta, ...extra]) ?? [];
    expect(merged[0]).toBe('{"big":1152921504606846976,"say \\"x\\"":"é"}');
    expect(JSON.parse(merged[1] ?? '')).toEqual({ a: 1, big: 1, 'say "x"': 'y', t: 1 });
    expect(refusal(schema, [...two, jsons('$meta', ['{}', '[]'])], 2)).toContain('expected a JSON object');
  });
  it('leaves auto keys to the server', () => {
    const schema = parseCollectionSchema(
      CollectionSchema.fromPartial({ fields: [{ ...pk, autoID: true }, vec] }),
      { collectionName: 'c' },
    );
    const batch = batchFromFields(schema, [vectors([1, 2, 3, 4])], 2);
    expect(batch.columns.map((column) => column.fieldId)).toEqual([101n]);
    const made = generateAutoIds(schema, batch, 2n ** 60n);
    expect(made.columns.map((column) => column.fieldId)).toEqual([100n, 101n]);
    expect(int64At(keyColumn(schema, made), 1)).toBe(2n ** 60n + 1n);
    expect(made.columns[1]?.data).toBe(batch.columns[0]?.data);
    expect(refusal(schema, two, 2)).toContain('auto generated');
    expect(batchFromFields(schema, two, 2, { allowInsertAutoId: true }).columns).toHaveLength(2);
    const upsert = batchFromFields(schema, two, 2, { upsert: true });
    expect(int64At(keyColumn(schema, generateAutoIds(schema, upsert, 50n)), 0)).toBe(50n);
    expect(refusal(schema, [vectors([1, 2])], 1, { upsert: true })).toContain('must assign pk when upsert');
    const asText = parseCollectionSchema(
      CollectionSchema.fromPartial({
        fields: [
          {
            name: 'id',
            isPrimaryKey: true,
            autoID: true,
            dataType: DataType.VarChar,
            typeParams: [{ key: 'max_length', value: '40' }],
          },
          vec,
        ],
      }),
      { collectionName: 'c' },
    );
    expect(stringAt(keyColumn(asText, generateAutoIds(asText, batch, 9n)), 1)).toBe('10');
  });
});
