// What coordination asks of imports: a journal that outlives crashes, keys, time limits, cancelling, and rows that appear all at once.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import type { ImportFilesRequest, ImportFilesResponse } from '#proto/elanus/roles.js';
import type { DeepPartial } from '#rpc/service.js';
import {
  CHANNEL,
  COLLECTION,
  flushedOf,
  fresh,
  type Running,
  restart,
  segment,
  watch,
} from '../../../../test/support/data-coord.js';

type Respond = (
  request: ImportFilesRequest,
  signal: AbortSignal,
) => Promise<DeepPartial<ImportFilesResponse>>;

const TASK_MIB = 300;
const files = ['a.parquet', 'b.parquet', 'c.parquet'];
const order = (jobID: bigint, more: object = {}) => ({
  collectionID: COLLECTION,
  partitionIDs: [70n],
  channelNames: [CHANNEL],
  files: files.map((path) => ({ paths: [path] })),
  jobID,
  ...more,
});

/** Files of one task each, by what their sizes are said to be. */
function largeFiles({ platform }: Running): void {
  const size = TASK_MIB << 20;
  Object.assign(platform.objectStore, { openRead: async () => ({ size, close: async () => {} }) });
}

const nodeOf = (respond: Respond, progress: object = {}) => ({
  dataNode: {
    importFiles: (request: ImportFilesRequest, { signal }: { readonly signal: AbortSignal }) =>
      respond(request, signal),
    importProgress: async () => progress,
  },
});

const doneTask: Respond = async ({ taskIndex }) => ({
  segments: [segment(5000n + BigInt(taskIndex), { state: 'importing' })],
  rowCount: 10n,
  groupRows: [10n],
});

async function begun(respond: Respond, progress?: object): Promise<Running> {
  const running = await fresh(nodeOf(respond, progress));
  largeFiles(running);
  await watch(running);
  return running;
}

const stateOf = async ({ registry, run }: Running, jobId: bigint) =>
  (await run(registry.importState({ jobId }))).job;
const never = (): Promise<never> => new Promise(() => {});

describe('acceptance of imports', () => {
  it('(1) more pending jobs than the cap are refused with both numbers; one that ends makes room', async () => {
    const running = await begun(
      (_, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new ElanusError('cancelled', 'stopped'))),
        ),
    );
    for (let id = 1n; id <= 1024n; id++) await running.run(running.calls.importV2(order(id)));
    await expect(running.run(running.calls.importV2(order(1025n)))).rejects.toMatchObject({
      key: 'queue_full',
      message: expect.stringMatching(/1024 import jobs are waiting, the limit is 1024/),
    });
    await running.run(running.registry.abortImport({ jobId: 1n }));
    expect((await running.run(running.calls.importV2(order(1025n)))).jobID).toBe('1025');
  });

  it('(2) a worker that dies within a task is asked again, and each row is there once', async () => {
    const asked: number[] = [];
    const running = await begun(async (request, signal) => {
      asked.push(request.taskIndex);
      if (asked.length === 2) throw new ElanusError('service_unavailable', 'the node is gone');
      return doneTask(request, signal);
    });
    await running.run(running.calls.importV2(order(1n)));
    await running.cluster.world.advance(2000);
    expect(asked).toEqual([0, 1, 1, 2]);
    expect(await stateOf(running, 1n)).toMatchObject({ state: 'completed', importedRows: 30n });
    expect(await flushedOf(running)).toEqual([5000n, 5001n, 5002n]);
  });

  it('(3) a coordinator that dies goes on with the task that was not done', async () => {
    for (const dyingAt of [0, 1, 2]) {
      const running = await begun((request, signal) =>
        request.taskIndex === dyingAt ? never() : doneTask(request, signal),
      );
      await running.run(running.calls.importV2(order(1n)));
      await running.cluster.world.advance(100);
      expect(await flushedOf(running)).toEqual([]);
      const asked: number[] = [];
      const again = await restart(
        running,
        nodeOf(async (request, signal) => {
          asked.push(request.taskIndex);
          return doneTask(request, signal);
        }),
      );
      await again.cluster.world.advance(100);
      expect(asked).toEqual([0, 1, 2].slice(dyingAt));
      expect(await stateOf(again, 1n)).toMatchObject({ state: 'completed', importedRows: 30n });
      expect(await flushedOf(again)).toEqual([5000n, 5001n, 5002n]);
    }
  });

  it('(3) files that were taken for orphans while their task was under way are written again', async () => {
    const key = 'insert_log/7/70/5000/0/1';
    const asked: number[] = [];
    const running = await fresh({
      ...nodeOf(async (request, signal) => {
        asked.push(request.taskIndex);
        if (asked.length > 1) {
          const { segments: _, ...done } = await doneTask(request, signal);
          return { ...done, segments: [segment(6000n + BigInt(asked.length), { state: 'importing' })] };
        }
        const { objectStore, timers } = running.platform;
        await objectStore.put(key, [new Uint8Array(1)]);
        // The channel changes hands: its next owner writes under later ids, and what nobody names yet looks old.
        await running.registry.acquireChannels({ serverId: 9n });
        for (let looks = 0; looks < 50 && (await objectStore.size(key)) !== undefined; looks++)
          await timers.sleep(100);
        const files = [{ key, bytes: 1n, crc32: 0, fieldIds: [100n], rowCount: 10n }];
        const written = segment(5000n, { state: 'importing', files });
        return { segments: [written], rowCount: 10n, groupRows: [10n] };
      }),
      rootCoord: { allocID: async ({ count }) => ({ ID: 9000n, count }) },
    });
    largeFiles(running);
    await watch(running);
    await running.run(running.calls.importV2(order(1n)));
    await running.cluster.world.advance(10_000);
    expect(asked).toEqual([0, 0, 1, 2]);
    expect(await stateOf(running, 1n)).toMatchObject({ state: 'completed', importedRows: 30n });
  });

  it('(4) one key is one job for a day at least, and another request under it is refused', async () => {
    const running = await begun(doneTask);
    const keyed = (id: bigint, key: string, more: object = {}) =>
      running.run(
        running.calls.importV2(order(id, { options: [{ key: 'idempotency_key', value: key }], ...more })),
      );
    expect((await keyed(1n, 'load-1')).jobID).toBe('1');
    expect((await keyed(2n, 'load-1')).jobID).toBe('1');
    await running.cluster.world.advance(60_000);
    expect((await keyed(3n, 'load-1')).jobID).toBe('1');
    await expect(keyed(4n, 'load-1', { files: [{ paths: ['d.csv'] }] })).rejects.toMatchObject({
      key: 'invalid_parameter',
      message: expect.stringMatching(/"load-1" was used for import job 1 with other files/),
    });
    await expect(keyed(4n, 'x'.repeat(257))).rejects.toThrow(/257 characters, expected at most 256/);
    await expect(keyed(4n, 'line\n')).rejects.toThrow(/printable ASCII/);
    expect((await keyed(5n, 'load-2')).jobID).toBe('5');
    // A clock that jumps forgets none of the newest.
    await running.cluster.world.advance(86_500_000);
    await running.run(running.calls.importV2(order(6n)));
    expect((await keyed(7n, 'load-1')).jobID).toBe('1');
  });

  it('(4) a job whose record came into the catalog without an answer runs when it is asked for again', async () => {
    const running = await begun(doneTask);
    const transact = running.platform.metaStore.transact.bind(running.platform.metaStore);
    let isAnswered = false;
    Object.assign(running.platform.metaStore, {
      transact: async (...from: Parameters<typeof transact>) => {
        const done = await transact(...from);
        if (isAnswered) return done;
        isAnswered = true;
        throw new ElanusError('io_failed', 'no answer in time');
      },
    });
    const asked = () =>
      running.run(
        running.calls.importV2(order(1n, { options: [{ key: 'idempotency_key', value: 'load' }] })),
      );
    await expect(asked()).rejects.toThrow('no answer in time');
    await running.cluster.world.advance(2000);
    expect((await asked()).jobID).toBe('1');
    await running.cluster.world.advance(2000);
    expect(await stateOf(running, 1n)).toMatchObject({ state: 'completed', importedRows: 30n });
    expect(await flushedOf(running)).toEqual([5000n, 5001n, 5002n]);
  });

  it('(5) one wrong file fails the job by name and row, and what the others wrote goes', async () => {
    const reason = 'file "b.parquet" row 7: field "v": the list has 3 values, expected 2; correct the file';
    const running = await begun(async (request, signal) => {
      if (request.taskIndex === 1) throw new ElanusError('import_failed', reason);
      const done = await doneTask(request, signal);
      await running.platform.objectStore.put('insert_log/7/70/5000/0/1', [new Uint8Array(1)]);
      const files = [
        { key: 'insert_log/7/70/5000/0/1', bytes: 1n, crc32: 0, fieldIds: [100n], rowCount: 10n },
      ];
      return { ...done, segments: [segment(5000n, { state: 'importing', files })] };
    });
    await running.run(running.calls.importV2(order(1n)));
    await running.cluster.world.advance(100);
    const job = await stateOf(running, 1n);
    expect(job).toMatchObject({ state: 'failed', reason });
    const groups = job?.tasks.flatMap((task) => task.groups) ?? [];
    expect(groups.map((group) => [group.reason, group.rowCount])).toEqual([
      ['', 10n],
      [reason, 0n],
      ['', 0n],
    ]);
    expect(await flushedOf(running)).toEqual([]);
    expect(await running.run(running.cluster.objectStore.list('insert_log/'))).toEqual([]);
  });

  it('(6) a job whose time is over fails, but not one that commits', async () => {
    const options = [{ key: 'timeout', value: '10s' }];
    const slow = await begun(
      (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new ElanusError('cancelled', 'stopped')));
        }),
    );
    await slow.run(slow.calls.importV2(order(1n, { options })));
    await slow.cluster.world.advance(11_000);
    expect(await stateOf(slow, 1n)).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/longer than its timeout of 10000 ms/),
    });

    const running = await begun(doneTask);
    const transact = running.platform.metaStore.transact.bind(running.platform.metaStore);
    Object.assign(running.platform.metaStore, {
      // Completing takes longer than the time that the job has.
      transact: async (...from: Parameters<typeof transact>) => {
        const [job] = (await running.registry.listImportJobs({ collectionId: COLLECTION })).jobs;
        if (job?.progress === 99n) await running.platform.timers.sleep(20_000);
        return transact(...from);
      },
    });
    await running.run(running.calls.importV2(order(1n, { options })));
    await running.cluster.world.advance(60_000);
    expect(await stateOf(running, 1n)).toMatchObject({ state: 'completed', importedRows: 30n });
  });

  it('(6) a cancel that comes between the commit and its end is too late', async () => {
    const running = await begun(doneTask);
    const transact = running.platform.metaStore.transact.bind(running.platform.metaStore);
    let late: Promise<unknown> | undefined;
    Object.assign(running.platform.metaStore, {
      transact: async (...from: Parameters<typeof transact>) => {
        const done = await transact(...from);
        // The lock is still held by the commit: whoever asks now is next.
        if (++count === 6)
          late = running.registry.abortImport({ jobId: 1n }).catch((error: unknown) => error);
        return done;
      },
    });
    let count = 0;
    await running.run(running.calls.importV2(order(1n)));
    await running.cluster.world.advance(100);
    expect(await late).toMatchObject({ message: expect.stringMatching(/job 1 is committing, expected one/) });
    expect(await stateOf(running, 1n)).toMatchObject({ state: 'completed', importedRows: 30n });
  });

  it('(3) files of a task that is done outlive the search for orphans after a restart', async () => {
    const key = 'insert_log/7/70/5000/0/1';
    const files = [{ key, bytes: 1n, crc32: 0, fieldIds: [100n], rowCount: 10n }];
    const running = await begun(async (request) => {
      if (request.taskIndex > 0) return never();
      await running.platform.objectStore.put(key, [new Uint8Array(1)]);
      return { segments: [segment(5000n, { state: 'importing', files })], rowCount: 10n, groupRows: [10n] };
    });
    await running.run(running.calls.importV2(order(1n)));
    await running.cluster.world.advance(100);
    const again = await restart(running, {
      ...nodeOf(
        (_, signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(new ElanusError('cancelled', 'stopped')));
          }),
      ),
      rootCoord: { allocID: async ({ count }) => ({ ID: 9000n, count }) },
    });
    await again.run(again.registry.acquireChannels({ serverId: 9n }));
    await again.cluster.world.advance(2000);
    expect(await again.run(again.cluster.objectStore.list('insert_log/'))).toEqual([key]);
    await again.run(again.registry.abortImport({ jobId: 1n }));
    await again.cluster.world.advance(100);
    expect(await again.run(again.cluster.objectStore.list('insert_log/'))).toEqual([]);
  });

  it('(7) whoever looks sees none of the rows, or all of them', async () => {
    const running = await begun(doneTask);
    const seen = new Set<number>();
    const transact = running.platform.metaStore.transact.bind(running.platform.metaStore);
    const look = async (): Promise<void> => {
      const { segments } = await running.registry.listSegments({ collectionId: COLLECTION });
      seen.add(segments.length);
    };
    Object.assign(running.platform.metaStore, {
      transact: async (...from: Parameters<typeof transact>) => {
        await look();
        const done = await transact(...from);
        await look();
        return done;
      },
    });
    await running.run(running.calls.importV2(order(1n)));
    await running.cluster.world.advance(100);
    await running.run(look());
    expect([...seen].sort()).toEqual([0, 3]);
  });

  it('a job that is cancelled fails, and what it wrote goes; one that completed stays', async () => {
    const running = await begun((request, signal) =>
      request.taskIndex === 0
        ? doneTask(request, signal)
        : new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(new ElanusError('cancelled', 'stopped')));
          }),
    );
    await running.run(running.calls.importV2(order(1n)));
    await running.cluster.world.advance(100);
    await running.run(running.registry.abortImport({ jobId: 1n }));
    await running.cluster.world.advance(100);
    expect(await stateOf(running, 1n)).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/cancelled/),
    });
    expect(await flushedOf(running)).toEqual([]);
    await expect(running.run(running.registry.abortImport({ jobId: 1n }))).resolves.toBeDefined();
    await expect(running.run(running.registry.abortImport({ jobId: 9n }))).rejects.toThrow(/does not exist/);
  });

  it('says how far it is, how fast, and what each file gave', async () => {
    const mib = 1n << 20n;
    const running = await begun(
      (request, signal) => (request.taskIndex === 1 ? never() : doneTask(request, signal)),
      { bytes: 150n * mib, rows: 5n, elapsedMs: 1500n },
    );
    await running.run(running.calls.importV2(order(1n)));
    await running.cluster.world.advance(100);
    const found = await running.run(running.registry.importState({ jobId: 1n }));
    expect(found).toMatchObject({
      bytesRead: 450n * mib,
      bytesTotal: 900n * mib,
      bytesPerSecond: 100n * mib,
      rowsRead: 15n,
      job: { progress: 50n },
    });
    const progress = await running.run(running.calls.getImportProgress({ jobID: '1' }));
    expect(progress).toMatchObject({ state: 3, progress: 50n, importedRows: 15n });
    expect(progress.taskProgresses.map(({ fileName, state }) => [fileName, state])).toEqual([
      ['a.parquet', 'Completed'],
      ['b.parquet', 'InProgress'],
      ['c.parquet', 'InProgress'],
    ]);
    expect(await running.run(running.calls.listImports({ collectionID: COLLECTION }))).toMatchObject({
      jobIDs: ['1'],
      states: [3],
    });
  });
});
