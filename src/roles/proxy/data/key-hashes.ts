// Hashes of a key column: they choose the shard of a row and the partition of a partition key.
import { keyAt } from '#model/columns/column.js';
import { hashKey } from '#model/columns/row-key.js';
import type { Column } from '#proto/elanus/data.js';

export function hashKeys(column: Column, rowCount: number): Uint32Array {
  const hashes = new Uint32Array(rowCount);
  for (let row = 0; row < rowCount; row++) hashes[row] = hashKey(keyAt(column, row));
  return hashes;
}
