// Sparse vectors: which bytes are one, from JSON in both forms, in writes, answers and queries.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonBytesOfText } from '#model/json/json-bytes.js';
import { parsePlaceholderGroup } from '#model/params/placeholder.js';
import { JsonColumns } from '#model/rows/json-columns.js';
import { parseCollectionSchema } from '#model/schema/schema-check.js';
import { PlaceholderGroup, PlaceholderType } from '#proto/milvus/common.js';
import { CollectionSchema, DataType, FieldData, FieldSchema } from '#proto/milvus/schema.js';
import { columnFromField } from './field-column.js';
import { fieldsFromBatch } from './field-data-out.js';
import { sparseDim, sparseFromJson, sparseFromPairs, sparseProblem } from './sparse-vector.js';

const bytesOf = (...pairs: [number, number][]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(pairs.length * 8));
  pairs.forEach(([index, value], at) => {
    view.setUint32(at * 8, index, true);
    view.setFloat32(at * 8 + 4, value, true);
  });
  return new Uint8Array(view.buffer);
};

const field = (nullable = false) =>
  FieldSchema.fromPartial({ fieldID: 101n, name: 'sparse', dataType: DataType.SparseFloatVector, nullable });
const sent = (contents: Uint8Array[], validData: boolean[] = []) =>
  FieldData.fromPartial({
    type: DataType.SparseFloatVector,
    fieldName: 'sparse',
    field: {
      $case: 'vectors',
      value: { dim: 9n, data: { $case: 'sparseFloatVector', value: { contents, dim: 9n } } },
    },
    validData,
  });
const schemaOf = (nullable: boolean) =>
  CollectionSchema.fromPartial({
    name: 'books',
    fields: [{ fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true }, field(nullable)],
  });

describe('bytes of a sparse vector', () => {
  it.each([
    [bytesOf(), undefined],
    [bytesOf([0, 1], [7, 0], [0xfffffffe, 3]), undefined],
    [bytesOf([1, -0]), undefined],
    [bytesOf([1, 1]).subarray(0, 7), 'length'],
    [bytesOf([0xffffffff, 1]), 'less than 2^32-1'],
    [bytesOf([5, 1], [5, 1]), 'unsorted or same'],
    [bytesOf([5, 1], [4, 1]), 'unsorted or same'],
    [bytesOf([5, Number.NaN]), 'not a number'],
    [bytesOf([5, Number.POSITIVE_INFINITY]), 'infinity'],
    [bytesOf([5, Number.NEGATIVE_INFINITY]), 'infinity'],
    [bytesOf([5, -0.5]), 'negative'],
  ])('%#', (row, problem) => {
    if (problem === undefined) expect(sparseProblem(row)).toBeUndefined();
    else expect(sparseProblem(row)).toContain(problem);
  });
  it('has the dimension of its largest index', () => {
    expect([sparseDim(bytesOf()), sparseDim(bytesOf([3, 1], [0xfffffffe, 1]))]).toEqual([0, 0xffffffff]);
  });
  it('whatever pairs become bytes are a vector, sorted', () => {
    const pair = fc.tuple(fc.nat(0xfffffffe), fc.float({ min: 0, noNaN: true, noDefaultInfinity: true }));
    fc.assert(
      fc.property(fc.uniqueArray(pair, { selector: ([index]) => index, maxLength: 30 }), (pairs) => {
        const row = sparseFromPairs(pairs);
        if (typeof row === 'string') expect.unreachable(row);
        else {
          expect(sparseProblem(row)).toBeUndefined();
          expect(row).toEqual(bytesOf(...[...pairs].sort(([a], [b]) => a - b)));
          expect(
            sparseFromJson(
              JSON.stringify({ indices: pairs.map(([i]) => i), values: pairs.map(([, v]) => v) }),
            ),
          ).toEqual(row);
          expect(sparseFromJson(JSON.stringify(Object.fromEntries(pairs)))).toEqual(row);
        }
      }),
    );
  });
  it.each([
    ['{"a": 1}', 'index "a"'],
    ['{"-1": 1}', 'index "-1"'],
    ['{"4294967295": 1}', 'index 4294967295'],
    ['{"1": -1}', 'value -1'],
    ['{"1": 1e300}', 'value'],
    ['{"1": "x"}', 'no number'],
    ['{"1": 1, "01": 2}', 'twice'],
    ['{"indices": [1], "values": []}', 'one length'],
    ['{"indices": [1.5], "values": [1]}', 'index 1.5'],
    ['{"indices": [true], "values": [1]}', 'not all numbers'],
    ['[1, 2]', 'no object'],
    ['{', 'no JSON'],
  ])('refuses %s', (raw, problem) => {
    expect(sparseFromJson(raw)).toContain(problem);
  });
});

describe('sparse fields', () => {
  it('need no dim, and may not have one', () => {
    const create = (typeParams: { key: string; value: string }[]) =>
      parseCollectionSchema(
        CollectionSchema.fromPartial({
          name: 'c',
          fields: [
            { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
            { name: 's', dataType: DataType.SparseFloatVector, typeParams },
          ],
        }),
        { collectionName: 'c' },
      );
    expect(create([]).fields[1]?.fieldID).toBe(101n);
    expect(() => create([{ key: 'dim', value: '8' }])).toThrow('does not need a dim');
  });
  it('go in and come out as the same bytes, nulls left out', () => {
    const rows = [bytesOf([1, 0.5]), bytesOf(), bytesOf([2, 1], [900, 2])];
    const plain = columnFromField(field(), sent(rows), 3);
    const [back] = fieldsFromBatch(schemaOf(false), { rowCount: 3, columns: [plain] }, [101n]);
    expect(back?.field).toEqual({
      $case: 'vectors',
      value: { dim: 901n, data: { $case: 'sparseFloatVector', value: { contents: rows, dim: 901n } } },
    });
    for (const contents of [
      [rows[0], rows[2]],
      [rows[0], bytesOf(), rows[2]],
    ]) {
      const nullable = columnFromField(field(true), sent(contents as Uint8Array[], [true, false, true]), 3);
      const [out] = fieldsFromBatch(schemaOf(true), { rowCount: 3, columns: [nullable] }, [101n]);
      expect(out?.validData).toEqual([true, false, true]);
      expect(out?.field?.$case === 'vectors' && out.field.value.data?.value).toEqual({
        contents: [rows[0], rows[2]],
        dim: 901n,
      });
    }
  });
  it.each([
    [[bytesOf([2, 1], [1, 1])], 1, 'row number: 0'],
    [[bytesOf([2, 1])], 2, 'num_rows'],
    [[bytesOf([2, -1])], 1, 'negative value'],
  ])('refuse wrong rows %#', (rows, count, text) => {
    expect(() => columnFromField(field(), sent(rows), count)).toThrow(text);
  });
  it('are imported from JSON', () => {
    const columns = new JsonColumns(schemaOf(true));
    columns.add(jsonBytesOfText('{"id": 1, "sparse": {"7": 1.5, "3": 1}}'));
    columns.add(jsonBytesOfText('{"id": 2, "sparse": {"indices": [9], "values": [2]}}'));
    columns.add(jsonBytesOfText('{"id": 3}'));
    const out = columns.finish().columns[1];
    expect([...(out?.data ?? [])]).toEqual([...bytesOf([3, 1], [7, 1.5]), ...bytesOf([9, 2])]);
    expect([...(out?.valid ?? [])]).toEqual([1, 1, 0]);
    expect(() =>
      new JsonColumns(schemaOf(true)).add(jsonBytesOfText('{"id": 1, "sparse": {"7": -1}}')),
    ).toThrow('value -1');
  });
  it('queries are packed with their counts, and checked', () => {
    const group = (type: PlaceholderType, ...values: Uint8Array[]) =>
      PlaceholderGroup.encode(
        PlaceholderGroup.fromPartial({ placeholders: [{ tag: '$0', type, values }] }),
      ).finish();
    const { queries, nq } = parsePlaceholderGroup(
      group(PlaceholderType.SparseFloatVector, bytesOf([1, 2], [3, 4]), bytesOf(), bytesOf([5, 1])),
      field(),
    );
    expect(nq).toBe(3);
    expect([...queries]).toEqual([
      2,
      0,
      0,
      0,
      ...bytesOf([1, 2], [3, 4]),
      0,
      0,
      0,
      0,
      1,
      0,
      0,
      0,
      ...bytesOf([5, 1]),
    ]);
    expect(() =>
      parsePlaceholderGroup(group(PlaceholderType.SparseFloatVector, bytesOf([1, -2])), field()),
    ).toThrow('negative value');
    expect(() => parsePlaceholderGroup(group(PlaceholderType.FloatVector, bytesOf([1, 2])), field())).toThrow(
      'must be the same',
    );
  });
});
