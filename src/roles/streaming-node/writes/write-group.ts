// Changes that go to the log in one append.
import type { Deferred } from '#base/async.js';
import { type ElanusError, toElanusError } from '#base/errors.js';
import type { Shard } from '#roles/streaming-node/shard.js';
import type { ShardChange } from '#roles/streaming-node/shard-change.js';
import { idsNeeded } from '#roles/streaming-node/shard-draft.js';
import { keyOf } from './known-writes.js';

/** Bytes of one group commit; a single larger request goes alone. */
const GROUP_BYTES_MAX = 32 * 1024 * 1024;
const GROUP_CHANGES_MAX = 4096;

export interface Pending {
  readonly shard: Shard;
  readonly change: ShardChange;
  readonly bytes: number;
  readonly done: Deferred<bigint>;
}

/** How many of those that wait, from the first on, are the next group. A write that came twice is not twice in it: the later one finds the other. */
export function groupSize(queue: readonly Pending[]): number {
  const ids = new Set<string>();
  let count = 0;
  let bytes = 0;
  for (const pending of queue) {
    const { change } = pending;
    const id = change.kind === 'write' && change.id !== undefined ? keyOf(change.id) : undefined;
    if (count > 0 && bytes + pending.bytes > GROUP_BYTES_MAX) break;
    if (id !== undefined && ids.has(id)) break;
    if (id !== undefined) ids.add(id);
    bytes += pending.bytes;
    count++;
    if (count === GROUP_CHANGES_MAX) break;
  }
  return count;
}

/** @returns shards that got none, and why: their changes fail, those of others do not. */
export async function reserveIds(group: readonly Pending[]): Promise<ReadonlyMap<Shard, ElanusError>> {
  const counts = new Map<Shard, number>();
  for (const { shard, change } of group) counts.set(shard, (counts.get(shard) ?? 0) + idsNeeded(change));
  const refused = new Map<Shard, ElanusError>();
  for (const [shard, count] of counts) {
    await shard
      .reserveIds(count)
      .catch((error: unknown) => refused.set(shard, toElanusError(error, 'segment ids')));
  }
  return refused;
}
