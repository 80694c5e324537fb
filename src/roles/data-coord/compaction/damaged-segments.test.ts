// A segment that cannot be read keeps no other from being compacted, and whoever asks hears which it is.
import { expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { simulatedCluster } from '#platform/memory/memory-platform.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import {
  COLLECTION,
  commit,
  dataCoordSettings,
  flushedOf,
  type Running,
  segment,
  start,
  watch,
} from '../../../../test/support/data-coord.js';

const rows = (id: bigint): SegmentRecord => segment(id, { timestampFrom: id, timestampTo: id });
const MERGED = 'insert_log/7/70/900/0/901.parquet';

async function begun(isDamaged: (id: bigint) => boolean, errorOf: (id: bigint) => ElanusError) {
  const asked: (readonly bigint[])[] = [];
  const fakes = {
    dataNode: {
      compactSegments: async ({ sources }: { readonly sources: readonly SegmentRecord[] }) => {
        asked.push(sources.map(({ id }) => id));
        const damaged = sources.find(({ id }) => isDamaged(id));
        if (damaged !== undefined) throw errorOf(damaged.id);
        await running.platform.objectStore.put(MERGED, [new Uint8Array(3)]);
        const files = [{ key: MERGED, bytes: 3n, crc32: 0, fieldIds: [0n, 1n, 100n], rowCount: 40n }];
        const compactedFrom = sources.map(({ id }) => id);
        const merged = segment(900n, { files, rowCount: 40n, timestampTo: 20n, compactedFrom });
        return { segments: [merged], unchanged: false, readableFrom: 0n };
      },
    },
  };
  const settings = { ...dataCoordSettings, autoCompaction: true };
  const running: Running = await start(simulatedCluster(11), fakes, settings);
  await watch(running);
  const { channels } = await running.run(running.registry.acquireChannels({ serverId: 9n }));
  const epoch = channels[0]?.channel?.epoch ?? 0n;
  await commit(running, epoch, [11n, 12n, 13n, 14n, 15n].map(rows), 50n);
  await running.cluster.world.advance(5000);
  return { running, asked };
}

const explained = async ({ registry, run }: Running) =>
  (await run(registry.explain({ kind: 'compaction', collectionIds: [COLLECTION] }))).operations;

it('is set aside with its reason, and the others are merged', async () => {
  const reason = 'object insert_log/7/70/12/101/1 has CRC-32 00000001 over 3 bytes: restore it from a copy';
  const { running, asked } = await begun(
    (id) => id === 12n,
    () => new ElanusError('data_corrupt', reason),
  );
  expect(asked).toEqual([
    [11n, 12n, 13n, 14n, 15n],
    [11n, 13n, 14n, 15n],
  ]);
  expect([...(await flushedOf(running))].sort()).toEqual([12n, 900n]);
  expect(await explained(running)).toMatchObject([
    { what: 'segment 12', state: 'failed', waitsFor: expect.stringContaining(reason) },
  ]);
});

it('is all of the plan where the error names no segment of it, and another failure sets nothing aside', async () => {
  const unnamed = await begun(
    () => true,
    () => new ElanusError('data_corrupt', 'object delta_log/7/70/99/1 is gone'),
  );
  expect(unnamed.asked).toHaveLength(1);
  expect(await explained(unnamed.running)).toHaveLength(5);
  const away = await begun(
    () => true,
    () => new ElanusError('service_unavailable', 'insert_log/7/70/12/101/1: the data-node is away'),
  );
  expect((await explained(away.running)).map(({ waitsFor }) => waitsFor)).toEqual([
    expect.stringMatching(/^the next try at/),
  ]);
});
