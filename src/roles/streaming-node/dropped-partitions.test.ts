// A shard takes no rows for a partition that its log drops: they would be acknowledged and gone.
import { describe, expect, it } from 'vitest';
import { seededRandom } from '#base/random.js';
import { testBatch } from '../../../test/support/segments.js';
import { PARTITION, shardWorld } from '../../../test/support/shards.js';
import type { ShardChange } from './shard-change.js';

const random = seededRandom(5);
const insert = (...partitionIds: readonly bigint[]): ShardChange => ({
  kind: 'write',
  deletedKeys: undefined,
  deletedPartitionId: 0n,
  inserts: partitionIds.map((partitionId) => ({ partitionId, rows: testBatch([1n, 2n], random) })),
});
const drop: ShardChange = { kind: 'dropPartition', partitionId: PARTITION };
const OTHER = PARTITION + 1n;

async function open() {
  const world = shardWorld();
  await world.run(world.shard.reserveIds(8));
  /** Keys of the errors of a group that consists of these changes. */
  const outcomes = (...changes: readonly ShardChange[]): string[] => {
    const draft = world.shard.draft();
    try {
      return changes.map((change, at) => {
        try {
          draft.plan(change, 100n + BigInt(at));
          return 'taken';
        } catch (error) {
          return String((error as { readonly key?: string }).key);
        }
      });
    } finally {
      draft.close();
    }
  };
  return { ...world, outcomes };
}

describe('rows of a dropped partition', () => {
  it('are refused after a drop in the same group, taken before it', async () => {
    const { outcomes } = await open();
    expect(outcomes(insert(PARTITION), drop, insert(PARTITION), insert(OTHER))).toEqual([
      ...['taken', 'taken', 'partition_not_found', 'taken'],
    ]);
    // Nothing of a group that was thrown away holds.
    expect(outcomes(insert(PARTITION))).toEqual(['taken']);
  });

  it('are refused after a drop that was applied, with all of their request', async () => {
    const world = await open();
    await world.apply({ timestamp: 10n, dropPartition: { partitionId: PARTITION } });
    expect(world.outcomes(insert(PARTITION), insert(OTHER, PARTITION), insert(OTHER))).toEqual([
      ...['partition_not_found', 'partition_not_found', 'taken'],
    ]);
    expect(world.shard.segments.size).toBe(0);
  });
});
