// A write that rests on rows that were read is refused when one of them was written since, and only then.
import { describe, expect, it } from 'vitest';
import { seededRandom } from '#base/random.js';
import { columnFromInt64 } from '#model/columns/column.js';
import { KEY, testBatch } from '../../../test/support/segments.js';
import { PARTITION, shardWorld } from '../../../test/support/shards.js';
import type { ShardChange } from './shard-change.js';

const random = seededRandom(3);
const keysOf = (...keys: readonly bigint[]) => columnFromInt64(KEY, keys);
const insert = (...keys: readonly bigint[]) => ({ segmentId: 1n, rows: testBatch(keys, random) });
const update = (unchangedSince: bigint, ...keys: readonly bigint[]): ShardChange => ({
  kind: 'write',
  deletedKeys: keysOf(...keys),
  deletedPartitionId: 0n,
  unchangedSince,
  inserts: [{ partitionId: PARTITION, rows: testBatch(keys, random) }],
});

async function open() {
  const world = shardWorld();
  await world.write(10n, { inserts: [insert(1n, 2n, 3n)] });
  await world.write(20n, { inserts: [insert(2n)] });
  await world.write(30n, { deletedKeys: keysOf(3n) });
  await world.run(world.shard.reserveIds(8));
  /** Whether a group that consists of these changes refuses the last one. */
  const refuses = (...changes: readonly ShardChange[]): boolean => {
    const draft = world.shard.draft();
    const last = changes.at(-1);
    try {
      for (const [at, change] of changes.entries())
        if (change !== last) draft.plan(change, 100n + BigInt(at));
      if (last !== undefined) draft.plan(last, 200n);
      return false;
    } catch (error) {
      expect(error).toMatchObject({ key: 'rows_changed' });
      return true;
    } finally {
      draft.close();
    }
  };
  return { ...world, refuses };
}

describe('rows that a write rests on', () => {
  it('were written or deleted since, or not', async () => {
    const { refuses } = await open();
    expect(refuses(update(10n, 1n))).toBe(false);
    expect(refuses(update(10n, 2n))).toBe(true);
    expect(refuses(update(20n, 1n, 2n))).toBe(false);
    expect(refuses(update(20n, 1n, 3n))).toBe(true);
    expect(refuses(update(30n, 1n, 2n, 3n, 4n))).toBe(false);
    expect(refuses({ ...update(0n, 2n), unchangedSince: 0n } as ShardChange)).toBe(false);
  });

  it('are written by an earlier change of the same group', async () => {
    const { refuses } = await open();
    expect(refuses(update(30n, 1n), update(30n, 1n))).toBe(true);
    expect(refuses(update(30n, 1n), update(30n, 2n))).toBe(false);
    const gone: ShardChange = { kind: 'write', deletedKeys: keysOf(2n), deletedPartitionId: 0n, inserts: [] };
    expect(refuses(gone, update(30n, 2n))).toBe(true);
    const added: ShardChange = {
      kind: 'write',
      deletedKeys: undefined,
      deletedPartitionId: 0n,
      inserts: [{ partitionId: PARTITION, rows: testBatch([9n], random) }],
    };
    expect(refuses(added, update(30n, 9n))).toBe(true);
  });

  it('count as changed when a flush took what would show it', async () => {
    const { refuses, shard } = await open();
    shard.committed([], shard.deletes, 0n);
    expect(refuses(update(20n, 1n))).toBe(true);
    expect(refuses(update(30n, 1n))).toBe(false);
    shard.forget(1n);
    expect(refuses(update(10n, 1n))).toBe(true);
    expect(refuses(update(30n, 2n))).toBe(false);
  });

  it('were not read at the time of a write whose segment is sealed, and which is not there yet', async () => {
    const forwarding: (() => void)[] = [];
    const { shard, run, apply, write } = shardWorld({
      settings: { segmentBytesMax: 1 },
      forwardDeletes: () => new Promise((resolve) => forwarding.push(resolve)),
    });
    await write(10n, { inserts: [{ segmentId: 5n, rows: testBatch([1n], random) }] });
    await run(shard.reserveIds(8));
    const draft = shard.draft();
    const [seal, written, ...others] = draft.plan(update(10n, 1n), 100n);
    expect(others).toEqual([]);
    await apply(seal ?? {});
    const applying = apply(written ?? {});
    // A reader that comes now sees the row of before, at a time from which on a change of it is seen.
    expect(forwarding).toHaveLength(1);
    expect(shard.readTimestamp).toBe(99n);
    forwarding[0]?.();
    await applying;
    draft.close();
    expect(shard.readTimestamp).toBe(100n);
    const next = shard.draft();
    expect(() => next.plan(update(99n, 1n), 101n)).toThrow('read it again');
    next.close();
  });

  it('count as changed when they were read before a restart', async () => {
    const { write, run, shard } = shardWorld();
    await write(40n, { inserts: [insert(1n)] }, true);
    await write(50n, { inserts: [insert(2n)] });
    await run(shard.reserveIds(4));
    const plan = (since: bigint) => {
      const draft = shard.draft();
      try {
        return draft.plan(update(since, 1n), 100n);
      } finally {
        draft.close();
      }
    };
    expect(() => plan(30n)).toThrow('read it again');
    expect(plan(40n)).toHaveLength(1);
  });
});
