// Schemas and batches for the tests of segments.
import { bytesView } from '#base/bytes.js';
import { nextBelow, nextFloat, type Random } from '#base/random.js';
import { batchOf, column, columnFromInt64, columnFromStrings } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { CollectionSchema } from '#proto/milvus/schema.js';

export const DIM = 8;
export const KEY = 100n;
export const VECTOR = 101n;
export const NAME = 102n;
export function testSchema(
  keyType: typeof DataType.Int64 | typeof DataType.VarChar = DataType.Int64,
): CollectionSchema {
  return CollectionSchema.fromPartial({
    name: 'books',
    fields: [
      { fieldID: KEY, name: 'id', dataType: keyType, isPrimaryKey: true },
      {
        fieldID: VECTOR,
        name: 'vector',
        dataType: DataType.FloatVector,
        typeParams: [{ key: 'dim', value: String(DIM) }],
      },
      { fieldID: NAME, name: 'name', dataType: DataType.VarChar, nullable: true },
    ],
  });
}

/** Vectors are small multiples of 1/8, so that scores are exact and ties common. */
export function testBatch(keys: readonly (bigint | string)[], random: Random): ColumnBatch {
  const vectors = Float32Array.from({ length: keys.length * DIM }, () => (nextBelow(random, 17) - 8) / 8);
  const strings = keys.map(() => (nextFloat(random) < 0.2 ? null : 'é'.repeat(nextBelow(random, 5))));
  return batchOf(keys.length, [
    columnFromInt64(
      0n,
      keys.map((_, i) => BigInt(i)),
    ),
    typeof keys[0] === 'string'
      ? columnFromStrings(KEY, DataType.VarChar, keys.map(String))
      : columnFromInt64(KEY, keys.map(BigInt)),
    column(VECTOR, DataType.FloatVector, bytesView(vectors)),
    columnFromStrings(NAME, DataType.VarChar, strings),
  ]);
}
