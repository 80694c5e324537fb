// What ListSegments answers for a collection has a number that changes with it: through puts, removals, both, and a second reading.
import { expect, it } from 'vitest';
import { parseChannel } from '#model/states/channel.js';
import { parseSegment } from '#model/states/segment.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import { ChannelRecord, SegmentRecord } from '#proto/elanus/data.js';
import { DataCatalog, type DataChanges } from './data-catalog.js';

const segment = (id: bigint, rowCount: bigint) =>
  parseSegment(
    SegmentRecord.fromPartial({ id, collectionId: 7n, vchannel: 'a_7v0', rowCount, state: 'flushed' }),
  );
const channel = (name: string) =>
  parseChannel(ChannelRecord.fromPartial({ vchannel: name, collectionId: 7n, schema: {}, epoch: 3n }));

it('no two states of a collection have the same number, and others do not move it', async () => {
  const store = new MemoryMetaStore();
  const catalog = await DataCatalog.open(store);
  const states = new Map<string, string>();
  const changes: readonly DataChanges[] = [
    { channels: [channel('a_7v0')] },
    { segments: [segment(1n, 10n)] },
    { segments: [segment(2n, 20n)] },
    { segments: [segment(1n, 11n)] },
    { removedSegments: [1n] },
    { segments: [segment(3n, 20n)], removedSegments: [2n] },
    { segments: [segment(4n, 5n)] },
    { removedSegments: [4n] },
    { removedChannels: ['a_7v0'], channels: [channel('b_7v0')] },
  ];
  const marks = new Set([catalog.mark]);
  const stored = new Map<string, string>();
  for (const change of changes) {
    await catalog.save(change);
    marks.add(catalog.mark);
    const of = [catalog.segmentsOf(7n), catalog.channelsOf(7n)];
    const text = JSON.stringify(of, (_, value) => (typeof value === 'bigint' ? String(value) : value));
    const number = Object.values(catalog.revisionOf(7n)).join(' ');
    expect(states.get(number) ?? text).toBe(text);
    states.set(number, text);
    const { mark } = await DataCatalog.open(store);
    expect(stored.get(mark) ?? text).toBe(text);
    stored.set(mark, text);
    expect((await DataCatalog.open(store)).revisionOf(7n)).toEqual(catalog.revisionOf(7n));
  }
  expect(states.size).toBe(changes.length - 1); // One came and went.
  expect(marks.size).toBe(changes.length + 1);
  const before = catalog.revisionOf(7n);
  await catalog.save({ segments: [{ ...segment(9n, 1n), collectionId: 8n }] });
  expect(catalog.revisionOf(7n)).toEqual(before);
  expect(catalog.revisionOf(99n)).toEqual({ revision: 0n, segments: 0, channels: 0 });
});

it('the newest epoch stays the newest when its channel goes', async () => {
  const store = new MemoryMetaStore();
  const catalog = await DataCatalog.open(store);
  expect(catalog.newestEpoch).toBe(1n);
  await catalog.save({ channels: [channel('a_7v0')] });
  await catalog.save({ removedChannels: ['a_7v0'] });
  expect(catalog.newestEpoch).toBe(3n);
  await catalog.save({ epoch: { epoch: 4n, ownerServerId: 5n } });
  expect([catalog.newestEpoch, catalog.newestOwner]).toEqual([4n, 5n]);
});
