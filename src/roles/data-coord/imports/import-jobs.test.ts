// Import jobs of data-coord with fakes around it: they run once, outlive a crash, and show their rows when completed or never.

import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { simulatedCluster } from '#platform/memory/memory-platform.js';
import { ImportJobRecord } from '#proto/elanus/data.js';
import type { ImportFilesResponse } from '#proto/elanus/roles.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { importFiles } from '#roles/data-node/import/import-files.js';
import type { DeepPartial } from '#rpc/service.js';
import { readManifest, writeManifest } from '#segment/files/manifest.js';
import { importLimits } from '#segment/imports/reading.js';
import {
  CHANNEL,
  COLLECTION,
  down,
  flushedOf,
  fresh,
  type Running,
  restart,
  segment,
  start,
  watch,
} from '../../../../test/support/data-coord.js';
import { noEmbedder } from '../../../../test/support/no-embedder.js';

describe('import jobs', () => {
  const task = (taskId: bigint, files: readonly string[] = ['a.json']) => ({
    importTask: { collectionId: COLLECTION, partitionId: 70n, channelNames: [CHANNEL], taskId, files },
  });
  const imported = async (): Promise<DeepPartial<ImportFilesResponse>> => ({
    segments: [segment(5000n, { state: 'importing' })],
    rowCount: 10n,
  });
  it('takes no more live jobs than the limit, however many ask at once', async () => {
    const running = await fresh({ dataNode: { importFiles: () => new Promise(() => {}) } });
    await watch(running);
    const asked = Array.from({ length: 1030 }, (_, at) => running.calls.import(task(BigInt(at + 1))));
    const ended = await running.run(Promise.allSettled(asked));
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1024);
    for (const one of ended)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ key: 'queue_full' });
    expect(
      (await running.run(running.registry.listImportJobs({ collectionId: COLLECTION }))).jobs,
    ).toHaveLength(1024);
  });
  const stateOf = async ({ registry, run }: Running, jobId: bigint) =>
    (await run(registry.importState({ jobId }))).job;

  it('run once however often they are sent, and show their rows when completed', async () => {
    let runs = 0;
    const running = await fresh({
      dataNode: {
        importFiles: () => {
          runs++;
          return imported();
        },
      },
    });
    await watch(running);
    for (let round = 0; round < 3; round++)
      expect((await running.run(running.calls.import(task(1n)))).datanodeId).not.toBe(0n);
    await running.cluster.world.advance(100);
    expect(await stateOf(running, 1n)).toMatchObject({
      state: 'completed',
      importedRows: 10n,
      progress: 100n,
    });
    expect(runs).toBe(1);
    expect(await flushedOf(running)).toEqual([5000n]);
    await running.run(running.calls.import(task(1n)));
    expect(runs).toBe(1);
  });
  it('know the properties of their collection, the time zone among them', async () => {
    const properties = [{ key: 'timezone', value: 'Asia/Shanghai' }];
    let seen: unknown;
    const running = await fresh({
      rootCoord: { describeCollection: async () => ({ schema: { name: 'c' }, properties }) },
      dataNode: {
        importFiles: ({ job }) => {
          seen = job?.schema?.properties;
          return imported();
        },
      },
    });
    await watch(running);
    await running.run(running.calls.import(task(1n)));
    await running.cluster.world.advance(100);
    expect(seen).toEqual(properties);
  });
  it('interrupted by a crash run again, and nothing is shown before', async () => {
    const running = await fresh({ dataNode: { importFiles: () => new Promise(() => {}) } });
    await watch(running);
    await running.run(running.calls.import(task(1n)));
    await running.cluster.world.advance(100);
    expect(await stateOf(running, 1n)).toMatchObject({ state: 'importing' });
    expect(await flushedOf(running)).toEqual([]);
    const again = await restart(running, { dataNode: { importFiles: imported } });
    await again.cluster.world.advance(100);
    expect(await stateOf(again, 1n)).toMatchObject({ state: 'completed' });
    expect(await flushedOf(again)).toEqual([5000n]);
    const third = await restart(again, { dataNode: { importFiles: down } });
    await third.cluster.world.advance(100);
    expect(await stateOf(third, 1n)).toMatchObject({ state: 'completed' });
  });
  it('import: killed at any write: after the next start only files of visible segments are there, and their manifests say so', async () => {
    const schema = CollectionSchema.fromPartial({
      name: 'c',
      fields: [
        { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
        {
          fieldID: 101n,
          name: 'v',
          dataType: DataType.FloatVector,
          typeParams: [{ key: 'dim', value: '2' }],
        },
      ],
    });
    const rows = Array.from({ length: 20 }, (_, id) => `{"id":${id},"v":[1,2]}`).join('\n');
    let lives = 0;
    for (let crashAt = 1; crashAt < 100; crashAt++) {
      const cluster = simulatedCluster(11);
      let id = 1000n;
      let puts = 0;
      // A data-node in the process of the data-coord; the process dies when it is about to write for the nth time.
      const live = async (): Promise<Running> => {
        const allocate = async (count: number): Promise<bigint> => {
          id += BigInt(count);
          return id - BigInt(count);
        };
        const running: Running = await start(cluster, {
          rootCoord: {
            allocID: async ({ count }) => ({ ID: await allocate(count), count }),
            describeCollection: async () => ({ schema }),
          },
          dataNode: {
            importFiles: ({ job = ImportJobRecord.create(), segmentIds, taskIndex }, { signal }) =>
              importFiles({
                embedder: noEmbedder,
                platform: running.platform,
                job,
                taskIndex,
                segmentIds,
                signal,
                allocateIds: allocate,
                limits: { ...importLimits, segmentBytes: 1, batchRows: 10 },
              }),
          },
        });
        return running;
      };
      const first = await live();
      await first.run(cluster.objectStore.put('a.jsonl', [new TextEncoder().encode(rows)]));
      // A flush of the present owner is under way: its files are not to be removed.
      const flushing = segment(77n, {
        files: [{ key: 'insert_log/7/70/77/0/999999', bytes: 3n, crc32: 0, fieldIds: [100n], rowCount: 10n }],
      });
      await first.run(writeManifest(first.platform, { schema, segment: flushing }));
      await first.run(
        first.calls.watchChannels({
          collectionID: COLLECTION,
          channelNames: [CHANNEL],
          schema,
          createTimestamp: 5n,
        }),
      );
      const put = first.platform.objectStore.put.bind(first.platform.objectStore);
      Object.assign(first.platform.objectStore, {
        put: (...from: Parameters<typeof put>) => {
          if (++puts === crashAt) first.platform.crash();
          return put(...from);
        },
      });
      await first.run(first.calls.import(task(1n, ['a.jsonl'])));
      await cluster.world.advance(2000);
      first.platform.crash();
      const second = await live();
      await second.run(second.registry.acquireChannels({ serverId: 9n }));
      await cluster.world.advance(2000);
      lives++;
      expect(await stateOf(second, 1n)).toMatchObject({ state: 'completed', importedRows: 20n });
      const { segments } = await second.run(second.registry.listSegments({ collectionId: COLLECTION }));
      const wanted = segments.flatMap(({ files, manifestKey }) => [
        manifestKey,
        ...files.map(({ key }) => key),
      ]);
      const keys = await second.run(cluster.objectStore.list(''));
      expect(keys.filter((key) => key !== 'a.jsonl' && !key.endsWith('/77.json')).sort()).toEqual(
        wanted.sort(),
      );
      expect(keys).toContain('manifest/7/70/77.json');
      for (const record of segments) {
        const manifest = await second.run(readManifest(second.platform, record.manifestKey));
        expect(manifest.segment).toMatchObject({
          state: 'flushed',
          commitTimestamp: record.commitTimestamp,
          files: record.files,
        });
      }
      if (puts < crashAt) break;
    }
    expect(lives).toBeGreaterThan(6);
  });
  it('that fail say why, and the next one runs', async () => {
    let runs = 0;
    const running = await fresh({
      dataNode: {
        importFiles: async () =>
          ++runs === 1 ? Promise.reject(new ElanusError('import_failed', 'a.json: row 3')) : imported(),
      },
    });
    await watch(running);
    await running.run(running.calls.import(task(1n)));
    await running.run(running.calls.import(task(2n)));
    await running.cluster.world.advance(100);
    expect(await stateOf(running, 1n)).toMatchObject({ state: 'failed', reason: 'a.json: row 3' });
    expect(await stateOf(running, 2n)).toMatchObject({ state: 'completed' });
  });
  it('of a collection dropped meanwhile fail and show nothing', async () => {
    const gate: { open?: () => void } = {};
    const running = await fresh({
      dataNode: {
        importFiles: async () => {
          await new Promise<void>((resolve) => {
            gate.open = resolve;
          });
          return imported();
        },
      },
    });
    await watch(running);
    await running.run(running.calls.import(task(1n)));
    await running.cluster.world.advance(10);
    await running.run(running.registry.dropCollectionData({ collectionId: COLLECTION, partitionId: -1n }));
    gate.open?.();
    await running.cluster.world.advance(100);
    expect(await stateOf(running, 1n)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('dropped'),
    });
    expect(await flushedOf(running)).toEqual([]);
  });
  it('are refused with no files, too many files, or no task', async () => {
    const running = await fresh();
    await watch(running);
    await expect(running.run(running.calls.import(task(1n, [])))).rejects.toMatchObject({
      key: 'import_failed',
    });
    await expect(
      running.run(
        running.calls.import(
          task(
            1n,
            Array.from({ length: 1025 }, (_, at) => `${at}.json`),
          ),
        ),
      ),
    ).rejects.toMatchObject({ key: 'import_failed' });
    await expect(running.run(running.calls.import({}))).rejects.toMatchObject({ key: 'missing_parameter' });
    await expect(running.run(running.registry.importState({ jobId: 1n }))).rejects.toMatchObject({
      key: 'import_failed',
    });
  });
});
