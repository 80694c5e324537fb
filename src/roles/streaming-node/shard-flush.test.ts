// How buffered deletes become files.
import { expect, test } from 'vitest';
import { columnFromInt64 } from '#model/columns/column.js';
import { deleteGroups } from './shard-flush.js';

test('deletes of a partition share files up to a bound, in order; a larger request has its own', () => {
  const deletesOf = (partitionId: bigint, timestamp: bigint, count: number) => ({
    partitionId,
    timestamp,
    lsn: timestamp,
    appliedMs: 0,
    keys: columnFromInt64(
      100n,
      Array.from({ length: count }, (_, i) => BigInt(i)),
    ),
  });
  const all = [
    deletesOf(0n, 1n, 4),
    deletesOf(7n, 2n, 1),
    deletesOf(0n, 3n, 6),
    deletesOf(0n, 4n, 1),
    deletesOf(0n, 5n, 30),
    deletesOf(0n, 6n, 1),
  ];
  const groups = deleteGroups(all, 80);
  expect(
    groups.map(({ partitionId, deletes }) => [partitionId, ...deletes.map(({ timestamp }) => timestamp)]),
  ).toEqual([
    [0n, 1n, 3n],
    [7n, 2n],
    [0n, 4n],
    [0n, 5n],
    [0n, 6n],
  ]);
});
