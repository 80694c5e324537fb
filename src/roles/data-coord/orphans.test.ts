// Files that nobody names: which are removed at the start, and what their writers get as an answer.

import { describe, expect, it } from 'vitest';
import type { SegmentRecord } from '#proto/elanus/data.js';
import { writeManifest } from '#segment/files/manifest.js';
import {
  acquire,
  COLLECTION,
  commit,
  fresh,
  type Life,
  live,
  PARTITION,
  ROWS,
  schema,
  settle,
  stateOf,
  strays,
  watch,
  written,
} from '../../../test/support/data-coord-lives.js';
import { keysOf } from './object-names.js';

describe('GC: orphans', () => {
  it('of writers that are gone are removed at the start; what is named, what is being written, and what users put there stay', async () => {
    const { cluster, counters } = fresh();
    const first = await live(cluster, counters);
    await watch(first);
    const epoch = (await acquire(first))[0]?.channel?.epoch ?? 0n;
    const named = await first.run(written(first));
    await first.run(commit(first, epoch, [named]));
    const killed = await first.run(written(first));
    const put = (life: Life, key: string) =>
      life.run(life.platform.objectStore.put(key, [new Uint8Array(3)]));
    await put(first, `insert_log/7/70/${named.id}/0/${first.allocate(1)}`);
    await put(first, `index_files/${first.allocate(1)}/1/70/${named.id}/FLAT`);
    await put(first, 'insert_log/9/90/900/0/901');
    await put(first, 'delta_log/7/-1/902/903');
    const kept = ['up/a.jsonl', 'insert_log/notes.txt', 'index_files/readme/1'];
    for (const key of kept) await put(first, key);
    first.platform.crash();

    const second = await live(cluster, counters);
    await acquire(second);
    // A segment that grew before is flushed now, under its old id, while the start looks for orphans.
    const grown: SegmentRecord = {
      ...killed,
      files: [
        {
          ...(killed.files[0] ?? expect.fail()),
          key: `insert_log/7/70/${killed.id}/0/${second.allocate(1)}`,
        },
      ],
    };
    await put(second, grown.files[0]?.key ?? '');
    await second.run(writeManifest(second.platform, { schema, segment: grown }));
    second.dataCoord.start();
    await settle(cluster);
    const there = await second.run(second.platform.objectStore.list(''));
    expect(there).toEqual([...kept, ...keysOf(named), ...keysOf(grown)].sort());
    const { channels } = await stateOf(second);
    expect(await second.run(commit(second, channels[0]?.epoch ?? 0n, [grown], 90n))).toBe('taken');
  });
  it('a file that was taken for one is not named afterwards: its writer is asked to write again', async () => {
    const { cluster, counters } = fresh();
    const life = await live(cluster, counters);
    await watch(life);
    const late = await life.run(written(life));
    const epoch = (await acquire(life))[0]?.channel?.epoch ?? 0n;
    life.dataCoord.start();
    await settle(cluster);
    expect(await life.run(commit(life, epoch, [late]))).toBe('object_not_found');
    expect(await strays(life)).toEqual([]);
    const again = await life.run(written(life));
    expect(await life.run(commit(life, epoch, [again]))).toBe('taken');
  });
  it('a segment whose manifest went with those of a killed flush is taken once it is written again, under the same name', async () => {
    const { cluster, counters } = fresh();
    const first = await live(cluster, counters);
    await watch(first);
    await acquire(first);
    const killed = await first.run(written(first));
    first.platform.crash();
    const second = await live(cluster, counters);
    const epoch = (await acquire(second))[0]?.channel?.epoch ?? 0n;
    second.dataCoord.start();
    await settle(cluster);
    expect(await second.run(second.platform.objectStore.list('manifest/'))).toEqual([]);
    const file = {
      ...(killed.files[0] ?? expect.fail()),
      key: `insert_log/7/70/${killed.id}/0/${second.allocate(1)}`,
    };
    const grown: SegmentRecord = { ...killed, files: [file] };
    await second.run(second.platform.objectStore.put(file.key, [new Uint8Array(3)]));
    expect(await second.run(commit(second, epoch, [grown], 90n))).toBe('object_not_found');
    await second.run(writeManifest(second.platform, { schema, segment: grown }));
    expect(await second.run(commit(second, epoch, [grown], 90n))).toBe('taken');
    expect(await strays(second)).toEqual([]);
  });
});

describe('GC: orphans of writers that die while data-coord goes on', () => {
  const hour = ({ cluster }: ReturnType<typeof fresh>): Promise<void> => cluster.world.advance(3_600_000);

  it('go at the second look that finds them, an hour after the first; what was named meanwhile stays', async () => {
    const world = fresh();
    const life = await live(world.cluster, world.counters);
    await watch(life);
    const epoch = (await acquire(life))[0]?.channel?.epoch ?? 0n;
    life.dataCoord.start();
    await settle(world.cluster);
    const [killed, slow] = [await life.run(written(life)), await life.run(written(life))];
    await life.run(life.platform.objectStore.put('insert_log/notes.txt', [new Uint8Array(3)]));
    // Its write began before the first look and put its file behind it.
    const behind = `insert_log/7/70/${killed.id}/0/${life.allocate(1)}`;
    const there = async () => (await life.run(life.platform.objectStore.list(''))).toSorted();
    const keys = (...segments: SegmentRecord[]): string[] =>
      [...segments.flatMap(keysOf), 'insert_log/notes.txt'].toSorted();
    await hour(world);
    expect(await there()).toEqual(keys(killed, slow));
    expect(await life.run(commit(life, epoch, [slow]))).toBe('taken');
    const young = await life.run(written(life));
    await life.run(life.platform.objectStore.put(behind, [new Uint8Array(3)]));
    await hour(world);
    expect(await there()).toEqual([...keys(slow, young), behind].toSorted());
    await hour(world);
    expect(await there()).toEqual(keys(slow));
  });

  it('a writer that slept over it is asked to write again, also by the next data-coord', async () => {
    const world = fresh();
    const first = await live(world.cluster, world.counters);
    await watch(first);
    const epoch = (await acquire(first))[0]?.channel?.epoch ?? 0n;
    first.dataCoord.start();
    await settle(world.cluster);
    const asleep = await first.run(written(first));
    await hour(world);
    await hour(world);
    expect(await first.run(commit(first, epoch, [asleep]))).toBe('object_not_found');
    first.platform.crash();
    const second = await live(world.cluster, world.counters);
    expect(await second.run(commit(second, epoch, [asleep]))).toBe('object_not_found');
    expect(await strays(second)).toEqual([]);
    const again = await second.run(written(second));
    expect(await second.run(commit(second, epoch, [again]))).toBe('taken');
  });

  it('stay while an import of the collection has not ended: its files may have no names yet', async () => {
    const world = fresh();
    const life = await live(world.cluster, world.counters);
    await watch(life);
    const channelName = (await acquire(life))[0]?.channel?.vchannel ?? '';
    life.dataCoord.start();
    await settle(world.cluster);
    await life.run(life.platform.objectStore.put('up/a.jsonl', [new TextEncoder().encode(ROWS)]));
    const order = {
      ...{ jobID: 1n, collectionID: COLLECTION, partitionIDs: [PARTITION], channelNames: [channelName] },
      ...{ files: [{ paths: ['up/a.jsonl'] }], options: [{ key: 'auto_commit', value: 'false' }] },
    };
    await life.run(life.calls.importV2(order));
    await settle(world.cluster);
    const nameless = await life.run(written(life));
    for (let looks = 0; looks < 3; looks++) await hour(world);
    const there = async () =>
      (await life.run(life.platform.objectStore.list('manifest/'))).includes(nameless.manifestKey);
    expect(await there()).toBe(true);
    await life.run(life.registry.abortImport({ jobId: 1n }));
    for (let looks = 0; looks < 2; looks++) await hour(world);
    expect(await there()).toBe(false);
  });
});
