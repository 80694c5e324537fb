// Imports in two phases: all is written and nothing is seen until a client commits or aborts the job, whatever dies meanwhile.
import { describe, expect, it } from 'vitest';
import { deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import type { ImportFilesRequest } from '#proto/elanus/roles.js';
import { manifestKey, readManifest } from '#segment/files/manifest.js';
import {
  CHANNEL,
  COLLECTION,
  type Fakes,
  flushedOf,
  fresh,
  type Running,
  restart,
  segment,
  watch,
} from '../../../../test/support/data-coord.js';

const LOG = 'insert_log/7/70/5000/0/1';
const MANIFEST = manifestKey({ collectionId: COLLECTION, partitionId: 70n, segmentId: 5000n });
const twoPhase = [{ key: 'auto_commit', value: 'false' }];

const order = (jobID: bigint, options: readonly { readonly key: string; readonly value: string }[]) => ({
  ...{ jobID, collectionID: COLLECTION, partitionIDs: [70n], channelNames: [CHANNEL] },
  files: [{ paths: ['a.json'] }],
  options: [...options],
});

async function begun(
  importFiles?: (request: ImportFilesRequest) => Promise<object>,
  queryCoord: Partial<Fakes['queryCoord']> = {},
): Promise<Running> {
  const files = [{ key: LOG, bytes: 1n, crc32: 0, fieldIds: [100n], rowCount: 10n }];
  const running: Running = await fresh({
    queryCoord,
    rootCoord: { describeCollection: async () => ({ schema: { name: 'c' } }) },
    dataNode: {
      importFiles:
        importFiles ??
        (async () => {
          await running.platform.objectStore.put(LOG, [new Uint8Array(1)]);
          const written = segment(5000n, { state: 'importing', files, manifestKey: MANIFEST });
          return { segments: [written], rowCount: 10n, groupRows: [10n] };
        }),
    },
  });
  await watch(running);
  return running;
}

async function uncommitted(): Promise<Running> {
  const running = await begun();
  await running.run(running.calls.importV2(order(1n, twoPhase)));
  await running.cluster.world.advance(100);
  return running;
}

const stateOf = async ({ registry, run }: Running) => (await run(registry.importState({ jobId: 1n }))).job;
const objectsOf = ({ run, cluster }: Running, folder: string) => run(cluster.objectStore.list(folder));

it('an import counts as completed after half a minute while its collection still loads, and holds up no stop', async () => {
  const running = await begun(undefined, {
    segmentsChanged: ({ untilServed }) => (untilServed ? new Promise(() => {}) : Promise.resolve({})),
  });
  await running.run(running.calls.importV2(order(1n, [])));
  await running.cluster.world.advance(20_000);
  expect(await stateOf(running)).not.toMatchObject({ state: 'completed' });
  await running.cluster.world.advance(11_000);
  expect(await stateOf(running)).toMatchObject({ state: 'completed' });
  await running.run(running.calls.importV2(order(2n, [])));
  await running.cluster.world.advance(1000);
  await running.run(running.dataCoord.close());
});

describe('an import in two phases', () => {
  it('waits for its commit, and outlives restarts while it waits', async () => {
    const running = await uncommitted();
    expect(await stateOf(running)).toMatchObject({ state: 'uncommitted', progress: 99n });
    expect(await running.run(running.calls.getImportProgress({ jobID: '1' }))).toMatchObject({
      ...{ state: 8, progress: 99n, importedRows: 10n },
    });
    const { operations } = await running.run(
      running.registry.explain({ kind: 'import', collectionIds: [COLLECTION] }),
    );
    expect(operations).toMatchObject([
      { state: 'uncommitted', waitsFor: expect.stringMatching(/a client to commit or abort it/) },
    ]);
    const again = await restart(running);
    await again.run(again.registry.acquireChannels({ serverId: 9n }));
    await again.cluster.world.advance(90_000_000);
    expect(await stateOf(again)).toMatchObject({ state: 'uncommitted' });
    expect(await flushedOf(again)).toEqual([]);
    expect(await objectsOf(again, 'insert_log/')).toEqual([LOG]);
    await again.run(again.registry.commitImport({ jobId: 1n }));
    await again.cluster.world.advance(100);
    expect(await stateOf(again)).toMatchObject({ state: 'completed', importedRows: 10n });
    expect(await flushedOf(again)).toEqual([5000n]);
    await again.run(again.registry.commitImport({ jobId: 1n }));
    await expect(again.run(again.registry.abortImport({ jobId: 1n }))).rejects.toThrow(/is completed/);
  });

  it('leaves nothing when it is aborted, and is not committed then', async () => {
    const running = await uncommitted();
    await running.run(running.registry.abortImport({ jobId: 1n }));
    await running.cluster.world.advance(100);
    expect(await stateOf(running)).toMatchObject({ state: 'failed' });
    expect(await objectsOf(running, '')).toEqual([]);
    await expect(running.run(running.registry.commitImport({ jobId: 1n }))).rejects.toThrow(
      /job 1 is failed, expected one that is uncommitted/,
    );
    expect(await flushedOf(running)).toEqual([]);
  });

  it('ends with its collection', async () => {
    const running = await uncommitted();
    await running.run(running.registry.dropCollectionData({ collectionId: COLLECTION, partitionId: -1n }));
    expect(await stateOf(running)).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/dropped/),
    });
    await expect(running.run(running.registry.commitImport({ jobId: 1n }))).rejects.toThrow(/is failed/);
    expect(await objectsOf(running, '')).toEqual([]);
  });

  it('is not committed while it is read, nor when it commits by itself', async () => {
    const reading = await begun(() => new Promise(() => {}));
    await reading.run(reading.calls.importV2(order(1n, twoPhase)));
    await reading.cluster.world.advance(100);
    await expect(reading.run(reading.registry.commitImport({ jobId: 1n }))).rejects.toThrow(
      /job 1 is importing, expected one that is uncommitted/,
    );
    const alone = await begun();
    await alone.run(alone.calls.importV2(order(1n, [{ key: 'auto_commit', value: 'True' }])));
    await alone.cluster.world.advance(100);
    expect(await stateOf(alone)).toMatchObject({ state: 'completed' });
    await expect(alone.run(alone.registry.commitImport({ jobId: 1n }))).rejects.toThrow(/commits by itself/);
    await expect(
      alone.run(alone.calls.importV2(order(2n, [{ key: 'auto_commit', value: 'perhaps' }]))),
    ).rejects.toThrow(/auto_commit is "perhaps", expected true or false/);
  });

  it('has one time, however many commit it at once', async () => {
    const running = await uncommitted();
    const asked = [1, 2, 3].map(() => running.registry.commitImport({ jobId: 1n }));
    await running.run(Promise.all(asked));
    await running.cluster.world.advance(100);
    const { segments } = await running.run(running.registry.listSegments({ collectionId: COLLECTION }));
    const manifest = await running.run(readManifest(running.platform, MANIFEST));
    expect(segments.map(({ commitTimestamp }) => commitTimestamp)).toEqual([
      manifest.segment?.commitTimestamp,
    ]);
  });

  it('become visible in the order of their times, also when the first one takes longer', async () => {
    const idOf = (jobId: bigint): bigint => 5000n + jobId;
    const manifestOf = (jobId: bigint): string =>
      manifestKey({ collectionId: COLLECTION, partitionId: 70n, segmentId: idOf(jobId) });
    const running = await begun(async ({ job }) => {
      const id = job?.id ?? 0n;
      const key = `insert_log/7/70/${idOf(id)}/0/1`;
      await running.platform.objectStore.put(key, [new Uint8Array(1)]);
      const files = [{ key, bytes: 1n, crc32: 0, fieldIds: [100n], rowCount: 10n }];
      const written = segment(idOf(id), { state: 'importing', files, manifestKey: manifestOf(id) });
      return { segments: [written], rowCount: 10n, groupRows: [10n] };
    });
    const { registry, run, cluster, platform } = running;
    for (const id of [1n, 2n]) await run(running.calls.importV2(order(id, twoPhase)));
    await cluster.world.advance(100);
    const slow = deferred<void>();
    const put = platform.objectStore.put.bind(platform.objectStore);
    Object.assign(platform.objectStore, {
      put: async (...[key, bytes]: Parameters<typeof put>) => {
        if (key === manifestOf(1n)) await slow.promise;
        return put(key, bytes);
      },
    });
    const commits = [1n, 2n].map((jobId) => registry.commitImport({ jobId }));
    await cluster.world.advance(1000);
    expect(await flushedOf(running)).toEqual([]);
    slow.resolve();
    await run(Promise.all(commits));
    await cluster.world.advance(100);
    const { segments } = await run(registry.listSegments({ collectionId: COLLECTION }));
    const timeOf = (jobId: bigint): bigint =>
      segments.find(({ id }) => id === idOf(jobId))?.commitTimestamp ?? 0n;
    expect(timeOf(1n)).toBeGreaterThan(0n);
    expect(timeOf(2n)).toBeGreaterThan(timeOf(1n));
  });

  it('keeps its files between its commit and its end, while orphans are looked for', async () => {
    const running = await uncommitted();
    const { platform, registry, run, cluster } = running;
    const { metaStore } = platform;
    const transact = metaStore.transact.bind(metaStore);
    let isRefused = true;
    metaStore.transact = async (guards, changes) => {
      if (isRefused && changes.some((one) => 'key' in one && one.key.startsWith('datacoord-meta/s/')))
        throw new ElanusError('io_failed', 'not now');
      return transact(guards, changes);
    };
    await run(registry.commitImport({ jobId: 1n }));
    // Whoever takes the channels over has what no writer of today can have written removed.
    await run(registry.acquireChannels({ serverId: 9n }));
    await cluster.world.advance(1000);
    expect(await flushedOf(running)).toEqual([]);
    expect(await objectsOf(running, '')).toEqual([LOG, MANIFEST].sort());
    isRefused = false;
    await cluster.world.advance(60_000);
    expect(await stateOf(running)).toMatchObject({ state: 'completed' });
    expect(await objectsOf(running, '')).toEqual([LOG, MANIFEST].sort());
  });

  it('of a commit and an abort at once one wins, and is right', async () => {
    for (const isAbortFirst of [true, false]) {
      const running = await uncommitted();
      const calls = [
        () => running.registry.commitImport({ jobId: 1n }),
        () => running.registry.abortImport({ jobId: 1n }),
      ];
      const asked = (isAbortFirst ? calls.reverse() : calls).map((call) => call().catch(() => undefined));
      await running.run(Promise.all(asked));
      await running.cluster.world.advance(1000);
      const job = await stateOf(running);
      const objects = await objectsOf(running, '');
      if (job?.state === 'completed') expect(objects).toEqual([LOG, MANIFEST]);
      else expect([job?.state, objects]).toEqual(['failed', []]);
    }
  });

  it('completes after a commit whose outcome got lost', async () => {
    const running = await uncommitted();
    const { metaStore } = running.platform;
    const transact = metaStore.transact.bind(metaStore);
    let isLost = true;
    Object.assign(metaStore, {
      transact: async (...from: Parameters<typeof transact>) => {
        const done = await transact(...from);
        if (!isLost) return done;
        isLost = false;
        throw new ElanusError('service_unavailable', 'the answer got lost');
      },
    });
    await expect(running.run(running.registry.commitImport({ jobId: 1n }))).rejects.toThrow(/got lost/);
    await running.cluster.world.advance(1000);
    expect(await stateOf(running)).toMatchObject({ state: 'completed' });
    expect(await flushedOf(running)).toEqual([5000n]);
  });
});
