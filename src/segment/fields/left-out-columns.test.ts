// Columns that a write leaves out, and vectors that are null: what a segment makes of them, and what they cost on the way.

import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import {
  batchBytes,
  batchOf,
  checkBatch,
  column,
  columnFromInt64,
  isNull,
  packNulls,
  stringAt,
} from '#model/columns/column.js';
import { appliedBytes } from '#model/columns/row-bytes.js';
import { DataType } from '#model/schema/data-type.js';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { SegmentData } from '#segment/segment-data.js';

const platform = await openNodePlatform({ logLevel: 'silent', parallelism: 1 });
afterAll(() => platform.close());
const DIM = 4;
const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    {
      fieldID: 101n,
      name: 'v',
      dataType: DataType.FloatVector,
      nullable: true,
      typeParams: [{ key: 'dim', value: String(DIM) }],
    },
    {
      fieldID: 102n,
      name: 'b',
      dataType: DataType.Bool,
      defaultValue: { data: { $case: 'boolData', value: true } },
    },
    {
      fieldID: 103n,
      name: 'i',
      dataType: DataType.Int32,
      defaultValue: { data: { $case: 'intData', value: -7 } },
    },
    {
      fieldID: 104n,
      name: 'g',
      dataType: DataType.Double,
      defaultValue: { data: { $case: 'doubleData', value: 0.1 } },
    },
    {
      fieldID: 105n,
      name: 's',
      dataType: DataType.VarChar,
      defaultValue: { data: { $case: 'stringData', value: 'dé' } },
    },
    { fieldID: 106n, name: 'n', dataType: DataType.VarChar, nullable: true },
  ],
});

const keysOf = (rows: number) =>
  columnFromInt64(
    100n,
    Array.from({ length: rows }, (_, row) => BigInt(row)),
  );
const vectorsOf = (valid: readonly boolean[]) => {
  const values = Float32Array.from({ length: valid.length * DIM }, (_, at) =>
    valid[Math.floor(at / DIM)] ? at + 1 : 0,
  );
  return column(101n, DataType.FloatVector, bytesView(values), undefined, Uint8Array.from(valid, Number));
};

const segment = () => new SegmentData(platform, { id: 1n, collectionId: 2n, partitionId: 3n, schema });

describe('a batch without its columns', () => {
  it('gets defaults of every type and nulls', () => {
    const data = segment();
    data.appendBatch(batchOf(2, [keysOf(2)]), 10n);
    expect([...(data.column(102n)?.data ?? [])]).toEqual([1, 1]);
    expect(new Int32Array((data.column(103n)?.data.slice() ?? new Uint8Array()).buffer)).toEqual(
      Int32Array.of(-7, -7),
    );
    expect(new Float64Array((data.column(104n)?.data.slice() ?? new Uint8Array()).buffer)).toEqual(
      Float64Array.of(0.1, 0.1),
    );
    const [text, none] = [data.column(105n), data.column(106n)];
    expect(text && [stringAt(text, 0), stringAt(text, 1)]).toEqual(['dé', 'dé']);
    expect(none && [isNull(none, 0), isNull(none, 1)]).toEqual([true, true]);
    expect([...data.fetch(Uint32Array.of(0, 1), [101n]).columns.map(({ valid }) => [...valid])]).toEqual([
      [0, 0],
    ]);
    data.release();
  });
  it('is counted by what its rows become, not by what is sent', () => {
    const batch = batchOf(1000, [keysOf(1000)]);
    expect(batchBytes(batch)).toBe(8000);
    expect(appliedBytes(schema, batch)).toBe(1000 * (8 + DIM * 4 + 4 + 1 + 4 + 8 + (3 + 4) + 4));
  });
});

describe('packed vectors', () => {
  it('become the same rows as with the bytes of nulls', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 4 }),
        (batches) => {
          const [plain, packed] = [segment(), segment()];
          for (const [at, valid] of batches.entries()) {
            const vectors = vectorsOf(valid);
            const small = packNulls(vectors, valid.length);
            expect(small.data.length).toBe(valid.filter(Boolean).length * DIM * 4);
            const batch = (one: typeof vectors) => batchOf(valid.length, [keysOf(valid.length), one]);
            checkBatch(batch(small), schema);
            plain.appendBatch(batch(vectors), BigInt(at + 1));
            packed.appendBatch(batch(small), BigInt(at + 1));
          }
          const rows = Uint32Array.from({ length: plain.rowCount }, (_, row) => row);
          expect(packed.fetch(rows, [101n])).toEqual(plain.fetch(rows, [101n]));
          plain.release();
          packed.release();
        },
      ),
      { numRuns: 50 },
    );
  });
  it('are refused when bytes and nulls do not agree', () => {
    const small = packNulls(vectorsOf([true, false, true]), 3);
    const refused = (change: Partial<typeof small>) => {
      try {
        checkBatch(batchOf(3, [keysOf(3), { ...small, ...change }]), schema);
      } catch (error) {
        return String(error);
      }
      return 'accepted';
    };
    expect(refused({})).toBe('accepted');
    expect(refused({ data: small.data.subarray(4) })).toContain(
      '28 bytes, expected 32 of the rows that are not null',
    );
    expect(refused({ valid: small.valid.subarray(1) })).toContain('2 null flags');
    expect(refused({ packed: false })).toContain('32 bytes, expected 48');
    expect(() => checkBatch(batchOf(3, [{ ...keysOf(3), packed: true }]), schema)).toThrow(
      'expected that of dense vectors only',
    );
  });
});
