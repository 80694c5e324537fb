// Every dense vector type from a request to a column and back, with and without nulls; what is refused; random requests never do worse than
// a refusal.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePlaceholderGroup } from '#model/params/placeholder.js';
import { parseCollectionSchema } from '#model/schema/schema-check.js';
import { PlaceholderGroup, type PlaceholderType } from '#proto/milvus/common.js';
import {
  CollectionSchema,
  DataType,
  FieldData,
  FieldSchema,
  type VectorField,
} from '#proto/milvus/schema.js';
import { checkBatch } from './column.js';
import { denseColumn, findNotFiniteIn, placeholderOf, vectorWidth } from './dense-vector.js';
import { batchFromFields } from './field-data-in.js';
import { fieldsFromBatch } from './field-data-out.js';

const slots = {
  FloatVector: 'floatVector',
  Float16Vector: 'float16Vector',
  BFloat16Vector: 'bfloat16Vector',
  Int8Vector: 'int8Vector',
  BinaryVector: 'binaryVector',
} as const;
type Name = keyof typeof slots;
const names = Object.keys(slots) as Name[];
const DIM = 16;
const fieldOf = (name: Name, nullable = false) =>
  FieldSchema.fromPartial({
    fieldID: 101n,
    name: 'v',
    dataType: DataType[name],
    nullable,
    typeParams: [{ key: 'dim', value: `${DIM}` }],
  });
const dataOf = (name: Name, bytes: Uint8Array): VectorField['data'] =>
  name === 'FloatVector'
    ? { $case: 'floatVector', value: { data: bytes } }
    : { $case: slots[name], value: bytes };
const sentOf = (name: Name, bytes: Uint8Array, validData: boolean[] = [], dim = BigInt(DIM)) =>
  FieldData.fromPartial({
    type: DataType[name],
    fieldName: 'v',
    validData,
    field: { $case: 'vectors', value: { dim, data: dataOf(name, bytes) } },
  });
/** Finite in every type: no byte has all exponent bits. */
const bytesFor = (name: Name, rows: number) =>
  Uint8Array.from({ length: rows * vectorWidth(fieldOf(name)) }, (_, i) => (i * 7) % 60);
const refusalOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toHaveProperty('key');
    return String(error);
  }
  return 'accepted';
};

describe.each(names)('%s', (name) => {
  const width = vectorWidth(fieldOf(name));
  it('keeps the bytes of a request, as a view', () => {
    const bytes = bytesFor(name, 5);
    const column = denseColumn(fieldOf(name), sentOf(name, bytes), 5, undefined);
    expect(column.data.buffer).toBe(bytes.buffer);
    expect(column.data).toEqual(bytes);
  });
  it('takes nulls left out or filled, and leaves them out of answers', () => {
    const key = { name: 'id', dataType: DataType.Int64, isPrimaryKey: true, autoID: true };
    const schema = parseCollectionSchema(
      CollectionSchema.fromPartial({ fields: [key, fieldOf(name, true)] }),
      { collectionName: 'c' },
    );
    const bytes = bytesFor(name, 3);
    const valid = [true, false, true, true, false];
    const wide = new Uint8Array(5 * width).fill(3);
    [0, 2, 3].forEach((row, i) => {
      wide.set(bytes.subarray(i * width, (i + 1) * width), row * width);
    });
    for (const sent of [bytes, wide]) {
      const batch = batchFromFields(schema, [sentOf(name, sent, valid)], 5);
      checkBatch(batch, schema);
      const [out] = fieldsFromBatch(schema, batch, [101n]);
      expect(out?.validData).toEqual(valid);
      expect(out?.field).toEqual({
        $case: 'vectors',
        value: { dim: BigInt(DIM), data: dataOf(name, bytes) },
      });
    }
    // Nothing but nulls is no column at all, sent or not.
    expect(batchFromFields(schema, [], 4)).toEqual({ rowCount: 4, columns: [] });
    const empty = FieldData.fromPartial({ type: DataType[name], fieldName: 'v', validData: [false, false] });
    expect(batchFromFields(schema, [empty], 2).columns).toEqual([]);
  });
  it('refuses other lengths, dims, counts and slots', () => {
    const field = fieldOf(name);
    const run = (sent: FieldData, rows = 2) => refusalOf(() => denseColumn(field, sent, rows, undefined));
    expect(run(sentOf(name, bytesFor(name, 2)))).toBe('accepted');
    expect(run(sentOf(name, bytesFor(name, 2).subarray(1)))).toMatch(
      /should divide the dim\(16\)|not a multiple/,
    );
    expect(run(sentOf(name, bytesFor(name, 2), [], 8n))).toContain(
      'the dim (8) of field data(v) is not equal to schema dim (16)',
    );
    expect(run(sentOf(name, bytesFor(name, 3)))).toContain(
      'the num_rows (3) of field (v) is not equal to passed num_rows (2)',
    );
    expect(run(FieldData.fromPartial({ type: DataType[name], fieldName: 'v' }))).toContain(
      'is missing or of another type',
    );
    const other = name === 'Int8Vector' ? 'BinaryVector' : 'Int8Vector';
    expect(run({ ...sentOf(other, bytesFor(name, 2)), type: DataType[name] })).toContain(
      'is missing or of another type',
    );
  });
  it('takes queries of its own type only', () => {
    const group = (type: PlaceholderType = 0, ...values: Uint8Array[]) =>
      PlaceholderGroup.encode(
        PlaceholderGroup.fromPartial({ placeholders: [{ tag: '$0', type, values }] }),
      ).finish();
    const query = bytesFor(name, 1);
    const own = placeholderOf(DataType[name]);
    expect(parsePlaceholderGroup(group(own, query, query), fieldOf(name))).toEqual({
      queries: Uint8Array.from([...query, ...query]),
      nq: 2,
      dim: DIM,
      listLengths: new Uint8Array(0),
    });
    for (const other of names.filter((candidate) => candidate !== name)) {
      const sent = group(placeholderOf(DataType[other]), query);
      expect(refusalOf(() => parsePlaceholderGroup(sent, fieldOf(name)))).toContain(
        'vector type must be the same',
      );
    }
    const short = group(own, query.subarray(1));
    expect(refusalOf(() => parsePlaceholderGroup(short, fieldOf(name)))).toContain(
      `expected vector size(byte) ${width}, actual ${width - 1}`,
    );
  });
  it('never fails but with an error of its own', () => {
    const bytes = fc.uint8Array({ maxLength: 3 * width + 1 });
    fc.assert(
      fc.property(
        bytes,
        fc.array(fc.boolean(), { maxLength: 4 }),
        fc.nat(4),
        fc.constantFrom(...names),
        (data, flags, rows, slot) => {
          const sent = { ...sentOf(slot, data, flags), type: DataType[name] };
          const valid =
            flags.length === rows && flags.includes(false) ? Uint8Array.from(flags, Number) : undefined;
          try {
            const column = denseColumn(fieldOf(name, true), sent, rows, valid);
            expect(column.data.length).toBe(rows * width);
          } catch (error) {
            expect(error).toMatchObject({ key: 'invalid_parameter' });
          }
        },
      ),
    );
  });
});

describe('values that are not finite', () => {
  const bits = [
    {
      name: 'FloatVector',
      width: 4,
      bad: [0x7f800000, 0xff800000, 0x7fc00000],
      good: [0x7f7fffff, 0xff7fffff, 1],
    },
    {
      name: 'Float16Vector',
      width: 2,
      bad: [0x7c00, 0xfc00, 0x7e00, 0x7c01],
      good: [0x7bff, 0xfbff, 0x03ff, 0xff],
    },
    {
      name: 'BFloat16Vector',
      width: 2,
      bad: [0x7f80, 0xff80, 0x7fc0],
      good: [0x7f7f, 0xff7f, 0x00ff, 0x7c00],
    },
  ] as const;
  it.each(bits)('are found in $name at any address', ({ name, width, bad, good }) => {
    for (const shift of [0, 1, 2]) {
      const at = (value: number) => {
        const bytes = new Uint8Array(shift + 5 * width).subarray(shift);
        const view = new DataView(bytes.buffer, shift);
        if (width === 4) view.setUint32(3 * width, value, true);
        else view.setUint16(3 * width, value, true);
        return findNotFiniteIn(DataType[name], bytes);
      };
      expect(bad.map(at)).toEqual(bad.map(() => 3));
      expect(good.map(at)).toEqual(good.map(() => -1));
    }
    const row = new Uint8Array(2 * DIM * width);
    new DataView(row.buffer).setUint16(row.length - 2, bad[0] > 0xffff ? bad[0] >>> 16 : bad[0], true);
    expect(refusalOf(() => denseColumn(fieldOf(name), sentOf(name, row), 2, undefined))).toContain(
      'not a number or infinity, row number: 1',
    );
  });
  it('cannot be in integer and binary vectors', () => {
    expect(findNotFiniteIn(DataType.Int8Vector, new Uint8Array(64).fill(0xff))).toBe(-1);
    expect(findNotFiniteIn(DataType.BinaryVector, new Uint8Array(64).fill(0xff))).toBe(-1);
  });
});
