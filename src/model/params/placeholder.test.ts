import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { PlaceholderGroup, PlaceholderType } from '#proto/milvus/common.js';
import { DataType, FieldSchema } from '#proto/milvus/schema.js';
import { parsePlaceholderGroup } from './placeholder.js';

const field = FieldSchema.fromPartial({
  name: 'v',
  dataType: DataType.FloatVector,
  typeParams: [{ key: 'dim', value: '3' }],
});

const groupOf = (
  values: readonly (readonly number[])[],
  type: PlaceholderType = PlaceholderType.FloatVector,
) =>
  PlaceholderGroup.encode(
    PlaceholderGroup.fromPartial({
      placeholders: [
        { tag: '$0', type, values: values.map((one) => new Uint8Array(Float32Array.from(one).buffer)) },
      ],
    }),
  ).finish();
const parse = (bytes: Uint8Array) => parsePlaceholderGroup(bytes, field);

describe('parsePlaceholderGroup', () => {
  it('joins the vectors', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 }),
          {
            minLength: 1,
            maxLength: 9,
          },
        ),
        (rows) => {
          const { queries, nq, dim } = parse(groupOf(rows));
          expect([nq, dim]).toEqual([rows.length, 3]);
          expect(queries).toEqual(new Uint8Array(Float32Array.from(rows.flat()).buffer));
          expect(queries.byteOffset % 8).toBe(0);
        },
      ),
    );
  });
  it('refuses wrong sizes, types and counts', () => {
    expect(() => parse(groupOf([[1, 2]]))).toThrow(
      'vector dimension mismatch, expected vector size(byte) 12, actual 8',
    );
    expect(() => parse(groupOf([[1, 2, 3, 4]]))).toThrow(
      expect.objectContaining({ key: 'vector_dim_mismatch' }),
    );
    expect(() => parse(groupOf([[1, 2, 3]], PlaceholderType.BinaryVector))).toThrow(
      'vector type must be the same, field v - type FloatVector, search info type BinaryVector',
    );
    for (const group of [groupOf([[]]), groupOf([[1, 2, 3]], PlaceholderType.VarChar)])
      expect(() => parse(group)).toThrow('no function makes its vectors of texts');
    expect(() => parse(groupOf([]))).toThrow('nq [0] is invalid, it should be in range [1, 16384]');
    expect(() => parse(new Uint8Array())).toThrow('empty');
    expect(() => parse(groupOf([[1, 2, Number.NaN]]))).toThrow('not a number');
    expect(() => parse(groupOf(Array.from({ length: 16_385 }, () => [1, 2, 3])))).toThrow('nq [16385]');
  });
  it('never crashes on damaged bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.nat(29).map((at) =>
            groupOf([
              [1, 2, 3],
              [4, 5, 6],
            ]).map((byte, index) => (index === at ? byte ^ 0x55 : byte)),
          ),
        ),
        (bytes) => {
          try {
            parse(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(ElanusError);
          }
        },
      ),
    );
  });
  it('takes lists of vectors for arrays of vectors, each whole and not empty', () => {
    const lists = FieldSchema.fromPartial({
      ...{ name: 's[v]', dataType: DataType.ArrayOfVector, elementType: DataType.FloatVector },
      typeParams: [{ key: 'dim', value: '3' }],
    });
    const type = PlaceholderType.EmbListFloatVector;
    const parsed = parsePlaceholderGroup(
      groupOf(
        [
          [1, 2, 3, 4, 5, 6],
          [7, 8, 9],
        ],
        type,
      ),
      lists,
      true,
    );
    expect([parsed.nq, parsed.dim]).toEqual([2, 3]);
    expect(new Uint32Array(parsed.listLengths.slice().buffer)).toEqual(Uint32Array.of(2, 1));
    expect([...new Float32Array(parsed.queries.slice().buffer)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(parsePlaceholderGroup(groupOf([[1, 2, 3]]), lists, true).nq).toBe(1);
    const refused = (values: number[][], sent: PlaceholderType = type, ofLists = true) => {
      const bytes = groupOf(values, sent);
      return expect(() => parsePlaceholderGroup(bytes, lists, ofLists));
    };
    refused([[]]).toThrow('embedding list 0 for field s[v] is empty');
    refused([[1, 2]]).toThrow('vector dimension mismatch');
    refused([[1, 2, 3]], PlaceholderType.EmbListInt8Vector).toThrow('vector type must be the same');
    refused([[1, 2, Number.NaN]]).toThrow('not a number or infinity');
    refused(Array.from({ length: 9 }, () => new Array(3 * 2000).fill(1))).toThrow('expected at most 16384');
    refused([[1, 2, 3, 4, 5, 6]], type, false).toThrow('vector dimension mismatch');
    expect(() => parse(groupOf([[1, 2, 3]], type))).toThrow('vector type must be the same');
  });
});
