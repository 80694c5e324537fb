// Struct arrays on their way in and out: what was sent comes back, whatever its rows are, and what does not fit together is refused.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { parseCollectionSchema } from '#model/schema/schema-check.js';
import { structArrays } from '#model/schema/struct-arrays.js';
import {
  CollectionSchema,
  DataType,
  FieldData,
  type ScalarField,
  type VectorField,
} from '#proto/milvus/schema.js';
import { checkBatch } from './column.js';
import { batchFromFields } from './field-data-in.js';
import { fieldsFromBatch } from './field-data-out.js';
import { encodeInt64s } from './packed-array.js';

const DIM = 3;
const CAPACITY = 4;
const capacity = { key: 'max_capacity', value: String(CAPACITY) };
const schemaOf = (nullable: boolean): CollectionSchema =>
  parseCollectionSchema(
    CollectionSchema.fromPartial({
      name: 'c',
      fields: [{ name: 'id', dataType: DataType.Int64, isPrimaryKey: true }],
      structArrayFields: [
        {
          name: 's',
          nullable,
          fields: [
            { name: 'n', dataType: DataType.Array, elementType: DataType.Int64, typeParams: [capacity] },
            {
              name: 't',
              dataType: DataType.Array,
              elementType: DataType.VarChar,
              typeParams: [capacity, { key: 'max_length', value: '20' }],
            },
            {
              name: 'v',
              dataType: DataType.ArrayOfVector,
              elementType: DataType.FloatVector,
              typeParams: [capacity, { key: 'dim', value: String(DIM) }],
            },
          ],
        },
      ],
    }),
    { collectionName: 'c' },
  );

interface Struct {
  readonly n: bigint;
  readonly t: string;
  readonly v: readonly number[];
}
type Row = readonly Struct[] | null;

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const int64s = (values: readonly bigint[]): Uint8Array => encodeInt64s(bytesOf(BigInt64Array.from(values)));
const keys = (count: number): FieldData =>
  FieldData.fromPartial({
    type: DataType.Int64,
    fieldName: 'id',
    field: {
      $case: 'scalars',
      value: {
        data: {
          $case: 'longData',
          value: { data: int64s(Array.from({ length: count }, (_, i) => BigInt(i))) },
        },
      },
    },
  });

function sentOf(rows: readonly Row[], nullable: boolean): FieldData {
  const present = rows.filter((row): row is readonly Struct[] => row !== null);
  const validData = nullable ? rows.map((row) => row !== null) : [];
  const scalars = (
    name: string,
    elementType: DataType,
    dataOf: (row: readonly Struct[]) => ScalarField['data'],
  ) =>
    FieldData.create({
      type: DataType.Array,
      fieldName: name,
      validData,
      field: {
        $case: 'scalars',
        value: {
          data: {
            $case: 'arrayData',
            value: { elementType, data: present.map((row) => ({ data: dataOf(row) })) },
          },
        },
      },
    });
  const vectors: VectorField = {
    dim: BigInt(DIM),
    data: {
      $case: 'vectorArray',
      value: {
        dim: BigInt(DIM),
        elementType: DataType.FloatVector,
        data: present.map((row) => ({
          dim: BigInt(DIM),
          data: {
            $case: 'floatVector',
            value: { data: bytesOf(Float32Array.from(row.flatMap(({ v }) => v))) },
          },
        })),
      },
    },
  };
  const fields = [
    scalars('n', DataType.Int64, (row) => ({
      $case: 'longData',
      value: { data: int64s(row.map(({ n }) => n)) },
    })),
    scalars('t', DataType.VarChar, (row) => ({
      $case: 'stringData',
      value: { data: row.map(({ t }) => t) },
    })),
    FieldData.create({
      type: DataType.ArrayOfVector,
      fieldName: 'v',
      validData,
      field: { $case: 'vectors', value: vectors },
    }),
  ];
  return FieldData.create({
    type: DataType.ArrayOfStruct,
    fieldName: 's',
    field: { $case: 'structArrays', value: { fields } },
  });
}

/** As a client reads it: a placeholder for each null, so that row r is at r. */
function rowsOf(field: FieldData | undefined): Row[] {
  if (field?.field?.$case !== 'structArrays') throw new Error('no struct array');
  const [n, t, v] = field.field.value.fields;
  const lists = (of: FieldData | undefined): readonly ScalarField[] =>
    of?.field?.$case === 'scalars' && of.field.value.data?.$case === 'arrayData'
      ? of.field.value.data.value.data
      : [];
  const vectors =
    v?.field?.$case === 'vectors' && v.field.value.data?.$case === 'vectorArray'
      ? v.field.value.data.value.data
      : [];
  // The struct itself says nothing of nulls: the Rust SDK takes no answer that says it there as well.
  expect(field.validData).toEqual([]);
  return vectors.map((row, at): Row => {
    if (v !== undefined && v.validData.length > 0 && v.validData[at] === false) return null;
    const floats =
      row.data?.$case === 'floatVector' ? new Float32Array(row.data.value.data.slice().buffer) : [];
    const [texts, numbers] = [lists(t)[at]?.data, lists(n)[at]?.data];
    const values = texts?.$case === 'stringData' ? texts.value.data : [];
    const encoded = numbers?.$case === 'longData' ? numbers.value.data : new Uint8Array(0);
    expect(int64s(values.map((text) => BigInt(text.length * 7 - 20)))).toEqual(encoded);
    return values.map((text, index) => ({
      t: text,
      n: BigInt(text.length * 7 - 20),
      v: [...floats.slice(index * DIM, (index + 1) * DIM)],
    }));
  });
}

const float = fc.float({ noNaN: true, noDefaultInfinity: true });
const struct: fc.Arbitrary<Struct> = fc
  .record({
    t: fc.string({ maxLength: 5, unit: 'grapheme-ascii' }),
    v: fc.array(float, { minLength: DIM, maxLength: DIM }),
  })
  .map((one) => ({ ...one, n: BigInt(one.t.length * 7 - 20) }));
const list = fc.array(struct, { maxLength: CAPACITY });
const inOf = (rows: readonly Row[], nullable: boolean, data = sentOf(rows, nullable)) =>
  batchFromFields(schemaOf(nullable), [keys(rows.length), data], rows.length);

describe('struct arrays', () => {
  it('come back as they were sent, through the wire and the check of a segment', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(fc.oneof(list, fc.constant(null)), { minLength: 1, maxLength: 6 }),
        (nullable, all) => {
          const rows = nullable ? all : all.map((row) => row ?? []);
          const sent = FieldData.decode(FieldData.encode(sentOf(rows, nullable)).finish());
          const batch = inOf(rows, nullable, sent);
          const schema = schemaOf(nullable);
          checkBatch(batch, schema);
          const ids = batch.columns.map(({ fieldId }) => fieldId);
          const [, answered] = fieldsFromBatch(schema, batch, ids);
          expect(answered).toMatchObject({ type: DataType.ArrayOfStruct, fieldName: 's', fieldId: 101n });
          expect(rowsOf(answered)).toEqual(rows);
        },
      ),
    );
  });

  it('never end in anything but a refusal that is the caller’s, whatever the message holds', () => {
    const any = fc.record({
      fieldName: fc.constantFrom('n', 't', 'v', 's[n]', 'x', ''),
      type: fc.constantFrom(DataType.None, DataType.Array, DataType.ArrayOfVector, DataType.Int64),
      validData: fc.array(fc.boolean(), { maxLength: 3 }),
      lists: fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 3 }),
      slot: fc.constantFrom('array', 'vectors', 'plain', 'none'),
      inner: fc.constantFrom('longData', 'boolData', 'floatData', 'intData'),
      dim: fc.constantFrom(0, DIM, -1, 2 ** 31),
    });
    const fieldOf = ({
      lists,
      slot,
      inner,
      dim,
      ...facts
    }: ReturnType<typeof any.generate>['value']): FieldData =>
      FieldData.fromPartial({
        ...facts,
        ...(slot === 'array' && {
          field: {
            $case: 'scalars',
            value: {
              data: {
                $case: 'arrayData',
                value: { data: lists.map((data) => ({ data: { $case: inner, value: { data } } })) },
              },
            },
          },
        }),
        ...(slot === 'vectors' && {
          field: {
            $case: 'vectors',
            value: {
              dim: BigInt(dim),
              data: {
                $case: 'vectorArray',
                value: {
                  data: lists.map((data) => ({
                    dim: BigInt(dim),
                    data: { $case: 'floatVector', value: { data } },
                  })),
                },
              },
            },
          },
        }),
        ...(slot === 'plain' && { field: { $case: 'vectors', value: {} } }),
      });
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(any, { maxLength: 4 }),
        fc.integer({ min: 1, max: 3 }),
        (nullable, fields, count) => {
          const sent = FieldData.create({
            fieldName: 's',
            field: { $case: 'structArrays', value: { fields: fields.map(fieldOf) } },
          });
          try {
            const batch = batchFromFields(schemaOf(nullable), [keys(count), sent], count);
            checkBatch(batch, schemaOf(nullable));
          } catch (error) {
            expect(error).toBeInstanceOf(ElanusError);
            expect((error as ElanusError).spec.code).toBe(1100);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('have as many elements in each sub-field, and are null in all or none', () => {
    const good = sentOf([[{ n: 1n, t: 'a', v: [1, 2, 3] }], []], false);
    const fields = good.field?.$case === 'structArrays' ? good.field.value.fields : [];
    const withField = (at: number, field: FieldData): FieldData => ({
      ...good,
      field: {
        $case: 'structArrays',
        value: { fields: fields.map((one, index) => (index === at ? field : one)) },
      },
    });
    const short = sentOf([[], []], false);
    const other = short.field?.$case === 'structArrays' ? short.field.value.fields : [];
    const refusal = (data: FieldData, nullable = false): string => {
      try {
        batchFromFields(schemaOf(nullable), [keys(2), data], 2);
      } catch (error) {
        return String(error);
      }
      return 'accepted';
    };
    expect(refusal(good)).toBe('accepted');
    expect(refusal(withField(2, other[2] as FieldData))).toContain(
      "inconsistent struct element count in struct 's' at row 0: 's[n]' has 1, 's[v]' has 0",
    );
    expect(refusal(withField(1, { ...(fields[1] as FieldData), fieldName: 'x' }))).toContain(
      "sub-field 'x' not found in struct schema 's'",
    );
    expect(refusal(withField(1, { ...(fields[1] as FieldData), field: undefined }))).toContain(
      "inconsistent sub-field data in struct 's': 2 of 3 sub-fields have data",
    );
    expect(
      refusal({ ...good, field: { $case: 'structArrays', value: { fields: fields.slice(1) } } }),
    ).toContain('length of fields of struct field mismatch');
    expect(refusal({ ...(fields[0] as FieldData), fieldName: 's[n]' })).toContain(
      'write the whole struct field s',
    );
    const nulls = sentOf([null, [{ n: 1n, t: 'a', v: [1, 2, 3] }]], true);
    expect(refusal(nulls, true)).toBe('accepted');
    const parts = nulls.field?.$case === 'structArrays' ? nulls.field.value.fields : [];
    const mixed = { ...(parts[0] as FieldData), validData: [true, false] };
    expect(
      refusal(
        { ...nulls, field: { $case: 'structArrays', value: { fields: [mixed, ...parts.slice(1)] } } },
        true,
      ),
    ).toContain("sub-field ValidData mismatch in struct 's' at row 0");
    expect(batchFromFields(schemaOf(true), [keys(2)], 2).columns).toHaveLength(1);
    expect(() => batchFromFields(schemaOf(false), [keys(2)], 2)).toThrow(
      "required struct array field 's' is missing",
    );
  });

  it('are columns of their schema, and refused by a segment when their bytes are no whole vectors', () => {
    const schema = schemaOf(false);
    expect(structArrays(schema)[0]?.columns.map(({ name, fieldID }) => [name, fieldID])).toEqual([
      ['s[n]', 102n],
      ['s[t]', 103n],
      ['s[v]', 104n],
    ]);
    const batch = inOf([[{ n: 1n, t: 'a', v: [1, 2, 3] }]], false);
    const broken = batch.columns.map((one) =>
      one.fieldId === 104n
        ? { ...one, data: one.data.subarray(0, 8), offsets: bytesOf(Uint32Array.of(0, 8)) }
        : one,
    );
    expect(() => checkBatch({ ...batch, columns: broken }, schema)).toThrow(
      'no whole vectors of 12 bytes in row 0',
    );
  });
});
