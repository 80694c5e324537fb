// Everything that changes what data-coord knows, against everything that may come in between: a rival at each step of the meta store and
// of the object store, and a crash there. What is there in the end is one of the legal outcomes, and every object is named.
import { describe, expect, it } from 'vitest';
import { messageOf } from '#base/errors.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  type SimulatedCluster,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import { ImportJobRecord, IndexFileRecord, SegmentRecord } from '#proto/elanus/data.js';
import {
  type AcquireChannelsResponse,
  ChannelRegistryDefinition,
  DataNodeDefinition,
  QueryCoordDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { importJsonFiles, importLimits } from '#roles/data-node/json-import.js';
import { type Client, type Handlers, inProcessClient, type ServiceDefinition } from '#rpc/service.js';
import { writeManifest } from '#segment/files/manifest.js';
import { DataCoord } from './data-coord.js';
import { keysOf } from './object-names.js';

const CHANNEL = 'by-dev-rootcoord-dml_0_7v0';
const COLLECTION = 7n;
const PARTITION = 70n;
const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '2' }] },
  ],
});

const ROWS = Array.from({ length: 20 }, (_, id) => `{"id":${id},"v":[1,2]}`).join('\n');
const task = {
  importTask: {
    collectionId: COLLECTION,
    partitionId: PARTITION,
    channelNames: [CHANNEL],
    taskId: 1n,
    files: ['up/a.jsonl'],
  },
};

/** Ids and timestamps of one cluster: they outlive its processes. */
interface Counters {
  id: bigint;
  time: bigint;
}

interface Life {
  readonly platform: MemoryPlatform;
  readonly calls: Client<typeof DataCoordDefinition>;
  readonly registry: Client<typeof ChannelRegistryDefinition>;
  readonly run: <T>(call: Promise<T>) => Promise<T>;
  readonly allocate: (count: number) => bigint;
  readonly dataCoord: DataCoord;
}

/** What happens before each step that changes a store; counted from 1. */
type Hook = (step: number) => Promise<void> | void;

async function live(
  cluster: SimulatedCluster,
  counters: Counters,
  hook: Hook = () => {},
  host = 'dc',
): Promise<Life> {
  const platform = openMemoryPlatform({ cluster, host });
  let steps = 0;
  const transact = platform.metaStore.transact.bind(platform.metaStore);
  const put = platform.objectStore.put.bind(platform.objectStore);
  const remove = platform.objectStore.remove.bind(platform.objectStore);
  Object.assign(platform.metaStore, {
    transact: async (...from: Parameters<typeof transact>) => {
      await hook(++steps);
      return transact(...from);
    },
  });
  Object.assign(platform.objectStore, {
    put: async (...from: Parameters<typeof put>) => {
      await hook(++steps);
      return put(...from);
    },
    remove: async (...from: Parameters<typeof remove>) => {
      await hook(++steps);
      return remove(...from);
    },
  });
  function client<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): Client<D> {
    return inProcessClient(definition, handlers as Handlers<D>);
  }
  const allocate = (count: number): bigint => {
    counters.id += BigInt(count);
    return counters.id - BigInt(count);
  };
  const limits = { ...importLimits, segmentBytes: 1, batchRows: 10 };
  const dataCoord = await DataCoord.open(
    platform,
    { serverId: 1n },
    {
      streamingNode: client(StreamingNodeDefinition, {
        openChannel: async () => ({}),
        closeChannel: async () => ({}),
        dropChannelPartition: async () => ({}),
      }),
      rootCoord: client(RootCoordDefinition, {
        allocTimestamp: async () => ({ timestamp: ++counters.time }),
        allocID: async ({ count }) => ({ ID: allocate(count), count }),
        segmentFlushCompleted: async () => ({}),
      }),
      queryCoord: client(QueryCoordDefinition, { segmentsChanged: async () => ({}) }),
      dataNode: client(DataNodeDefinition, {
        importFiles: ({ job = ImportJobRecord.create(), segmentIds }, { signal }) =>
          importJsonFiles(platform, job, segmentIds, signal, async (count) => allocate(count), limits),
      }),
    },
  );
  const run = <T>(call: Promise<T>): Promise<T> => cluster.world.runUntil(call);
  return {
    platform,
    dataCoord,
    run,
    allocate,
    calls: client(DataCoordDefinition, dataCoord.dataCoordHandlers),
    registry: client(ChannelRegistryDefinition, dataCoord.channelRegistryHandlers),
  };
}

const fresh = () => ({ cluster: simulatedCluster(11), counters: { id: 1000n, time: 100n } });
const watch = ({ calls, run }: Life, collectionID = COLLECTION, channel = CHANNEL) =>
  run(calls.watchChannels({ collectionID, channelNames: [channel], schema, createTimestamp: 5n }));
async function acquire({ registry, run }: Life, newestLogEpoch = 0n) {
  const { channels } = await run(registry.acquireChannels({ serverId: 9n, newestLogEpoch }));
  return channels;
}

/** A flushed segment with its files, as a streaming-node writes them before it commits. */
async function written({ platform, allocate }: Life, partitionId = PARTITION): Promise<SegmentRecord> {
  const id = allocate(1);
  const key = `insert_log/${COLLECTION}/${partitionId}/${id}/0/${allocate(1)}`;
  const segment = SegmentRecord.fromPartial({
    id,
    collectionId: COLLECTION,
    partitionId,
    vchannel: CHANNEL,
    state: 'flushed',
    rowCount: 10n,
    files: [{ key, bytes: 3n, fieldIds: [100n, 101n], rowCount: 10n }],
    manifestKey: `manifest/${COLLECTION}/${partitionId}/${id}.json`,
  });
  await platform.objectStore.put(key, [new Uint8Array(3)]);
  await writeManifest(platform, { schema, segment });
  return segment;
}

const commit = ({ registry }: Life, epoch: bigint, segments: readonly SegmentRecord[], at = 50n) =>
  registry
    .commitFlush({ vchannel: CHANNEL, epoch, segments, checkpointLsn: at, checkpointTimestamp: at })
    .then(
      () => 'taken',
      (error: { readonly key?: string }) => error.key ?? messageOf(error),
    );
async function stateOf({ registry, run }: Life) {
  const { segments, channels } = await run(registry.listSegments({ collectionId: COLLECTION }));
  const { jobs } = await run(registry.listImportJobs({ collectionId: 0n }));
  return { segments, channels, job: jobs[0] };
}

/** Objects of ours that the catalog does not name, and names without an object. */
async function strays(life: Life): Promise<readonly string[]> {
  const { segments } = await stateOf(life);
  const named = new Set(segments.flatMap(keysOf));
  const there = (await life.run(life.platform.objectStore.list(''))).filter((key) => !key.startsWith('up/'));
  return [
    ...there.filter((key) => !named.has(key)),
    ...[...named].filter((key) => !there.includes(key)).map((key) => `missing ${key}`),
  ];
}

const settle = (cluster: SimulatedCluster): Promise<void> => cluster.world.advance(40_000);

describe('owners', () => {
  it.each(['one process', 'two processes'])(
    'a stale owner commits before the channels change hands or not at all (%s)',
    async (mode) => {
      for (let at = 1; at <= 4; at++) {
        const { cluster, counters } = fresh();
        const rival: { take?: () => Promise<unknown> } = {};
        let isArmed = false;
        const first = await live(cluster, counters, (step) => {
          if (isArmed && step % 4 === at % 4) {
            isArmed = false;
            void rival.take?.();
          }
        });
        await watch(first);
        const epoch = (await acquire(first))[0]?.channel?.epoch ?? 0n;
        const other = mode === 'one process' ? first : await live(cluster, counters, () => {}, 'dc2');
        const taken: { answer?: Promise<AcquireChannelsResponse> } = {};
        rival.take = () => {
          const answer = other.registry.acquireChannels({ serverId: 10n });
          taken.answer = answer;
          return answer;
        };
        const segment = await first.run(written(first));
        isArmed = true;
        const stale = await first.run(commit(first, epoch, [segment]));
        isArmed = false;
        const [next] = (await first.run(taken.answer ?? other.registry.acquireChannels({ serverId: 10n })))
          .channels;
        const end = await live(cluster, counters, () => {}, 'dc3');
        const { segments, channels } = await stateOf(end);
        const isIn = stale === 'taken';
        expect(isIn || stale === 'channel_moved').toBe(true);
        expect(next?.channel?.checkpointLsn).toBe(isIn ? 50n : 0n);
        expect(segments.map(({ id }) => id)).toEqual(isIn ? [segment.id] : []);
        expect(channels).toMatchObject([
          { epoch: next?.channel?.epoch, ownerServerId: 10n, checkpointLsn: isIn ? 50n : 0n },
        ]);
        expect(await end.run(commit(end, epoch, [], 60n))).toBe('channel_moved');
        expect(await end.run(commit(end, next?.channel?.epoch ?? 0n, [], 60n))).toBe('taken');
      }
    },
  );
  it('never get an epoch twice, whatever collections exist, and get one above what their logs carry', async () => {
    const { cluster, counters } = fresh();
    let life = await live(cluster, counters);
    let newest = 0n;
    const seen: bigint[] = [];
    for (let round = 0; round < 12; round++) {
      const id = BigInt(100 + round);
      await watch(life, id, `by-dev-rootcoord-dml_0_${id}v0`);
      const owned =
        (await life.run(life.registry.listSegments({ collectionId: id }))).channels[0]?.epoch ?? 0n;
      expect(owned).toBeGreaterThanOrEqual(newest);
      if (round % 3 === 0) {
        life.platform.crash();
        life = await live(cluster, counters);
      }
      const logEpoch = round === 7 ? 1000n : 0n;
      const [first] = await acquire(life, logEpoch);
      const epoch = first?.channel?.epoch ?? 0n;
      expect(epoch).toBeGreaterThan(newest);
      expect(epoch).toBeGreaterThan(logEpoch);
      newest = epoch;
      seen.push(epoch);
      // The last collection goes, and with it every channel.
      await life.run(life.registry.dropCollectionData({ collectionId: id, partitionId: -1n }));
    }
    expect(new Set(seen).size).toBe(seen.length);
  });
  it('a channel that comes while a node takes over is not left under the old epoch', async () => {
    for (let at = 1; at <= 3; at++) {
      const { cluster, counters } = fresh();
      const other = await live(cluster, counters, () => {}, 'dc2');
      let isArmed = false;
      const first = await live(cluster, counters, async () => {
        if (!isArmed) return;
        isArmed = false;
        for (let times = 0; times < at; times++) await other.registry.acquireChannels({ serverId: 10n });
      });
      await acquire(first);
      isArmed = true;
      await watch(first);
      const end = await live(cluster, counters, () => {}, 'dc3');
      expect((await stateOf(end)).channels[0]?.epoch).toBe(BigInt(2 + at));
    }
  });
});

describe('a dropped partition', () => {
  it('is not brought back by a flush or an index that comes at any step of the drop', async () => {
    for (let at = 1; at <= 8; at++) {
      const { cluster, counters } = fresh();
      let isArmed = false;
      let steps = 0;
      const late: Promise<unknown>[] = [];
      const context: { life?: Life; epoch: bigint; flush?: SegmentRecord; old?: SegmentRecord } = {
        epoch: 0n,
      };
      const life = await live(cluster, counters, () => {
        if (!isArmed || ++steps !== at) return;
        isArmed = false;
        const { life: self, flush, old, epoch } = context;
        if (self === undefined || flush === undefined || old === undefined) return;
        late.push(commit(self, epoch, [flush], 80n));
        const index = IndexFileRecord.fromPartial({
          indexId: 3n,
          buildId: 5n,
          key: `index_files/5/1/${PARTITION}/${old.id}/FLAT`,
          state: 'finished',
        });
        late.push(
          self.platform.objectStore
            .put(index.key, [new Uint8Array(3)])
            .then(() => self.registry.saveIndexFile({ segmentId: old.id, index }))
            .catch(() => {}),
        );
      });
      await watch(life);
      context.life = life;
      context.epoch = (await acquire(life))[0]?.channel?.epoch ?? 0n;
      context.old = await life.run(written(life));
      await life.run(commit(life, context.epoch, [context.old]));
      const kept = await life.run(written(life, 71n));
      await life.run(commit(life, context.epoch, [kept], 60n));
      context.flush = await life.run(written(life));
      isArmed = true;
      await life.run(life.registry.dropCollectionData({ collectionId: COLLECTION, partitionId: PARTITION }));
      await life.run(Promise.all(late));
      expect((await stateOf(life)).segments.map(({ id }) => id)).toEqual([kept.id]);
      // The flush's own files: its writer removes them, or the next start does.
      life.platform.crash();
      const next = await live(cluster, counters);
      await acquire(next);
      next.dataCoord.start();
      await settle(cluster);
      expect(await strays(next)).toEqual([]);
    }
  });
});

describe('an import', () => {
  /** Runs an import, and what comes in between at step `at`; says whether that step came. */
  async function importing(at: number, rival: (life: Life) => Promise<unknown>) {
    const { cluster, counters } = fresh();
    let isArmed = false;
    let steps = 0;
    let rivals: Promise<unknown> | undefined;
    const context: { life?: Life } = {};
    const life = await live(cluster, counters, () => {
      if (!isArmed || ++steps !== at || context.life === undefined) return;
      isArmed = false;
      rivals = rival(context.life).catch(() => {});
    });
    context.life = life;
    await life.run(life.platform.objectStore.put('up/a.jsonl', [new TextEncoder().encode(ROWS)]));
    await watch(life);
    await acquire(life);
    life.dataCoord.start();
    await cluster.world.advance(100);
    isArmed = true;
    await life.run(life.calls.import(task)).catch(() => {});
    await settle(cluster);
    await rivals;
    return { cluster, counters, life, came: rivals !== undefined };
  }
  it.each([
    ['partition', PARTITION],
    ['collection', -1n],
  ])(
    'and the drop of its %s at any step: it fails and says so, or its rows go with the drop; no file is left',
    async (what, partitionId) => {
      let failed = 0;
      for (let at = 1; at < 100; at++) {
        const { life, came } = await importing(at, ({ registry }) =>
          registry.dropCollectionData({ collectionId: COLLECTION, partitionId }),
        );
        if (!came) break;
        const { job, segments } = await stateOf(life);
        expect(segments).toEqual([]);
        expect(await strays(life)).toEqual([]);
        // Refused at once, when it came after the drop.
        if (job === undefined) continue;
        expect(['failed', 'completed']).toContain(job.state);
        if (job.state === 'failed') {
          failed++;
          expect(job.reason).toMatch(new RegExp(`${what} .*was dropped`));
        }
      }
      expect(failed).toBeGreaterThan(5);
    },
  );
  it.each([
    ['nothing else', undefined],
    ['the drop of its partition, asked for again', PARTITION],
    ['the drop of its collection, asked for again', -1n],
  ])('killed at any step, with %s: whole or not at all, and no file is left', async (_, partitionId) => {
    let lives = 0;
    for (let at = 1; at < 100; at++) {
      const { cluster, counters, life, came } = await importing(at, async (dying) => {
        if (partitionId !== undefined)
          void dying.registry.dropCollectionData({ collectionId: COLLECTION, partitionId }).catch(() => {});
        // A few steps into the drop, wherever that is.
        for (let turn = 0; turn < at % 7; turn++) await Promise.resolve();
        dying.platform.crash();
      });
      if (!came) break;
      lives++;
      life.platform.crash();
      const next = await live(cluster, counters);
      await acquire(next);
      next.dataCoord.start();
      if (partitionId !== undefined)
        await next.run(next.registry.dropCollectionData({ collectionId: COLLECTION, partitionId }));
      await settle(cluster);
      const { job, segments } = await stateOf(next);
      const rows = segments.reduce((sum, { rowCount }) => sum + rowCount, 0n);
      if (partitionId === undefined) expect([0n, 20n]).toContain(rows);
      else expect(rows).toBe(0n);
      if (job !== undefined && partitionId === undefined)
        expect([job.state, rows]).toEqual(['completed', 20n]);
      expect(job === undefined || ['completed', 'failed'].includes(job.state)).toBe(true);
      expect(await strays(next)).toEqual([]);
    }
    expect(lives).toBeGreaterThan(6);
  });
});

describe('orphans', () => {
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
  it('a file that was taken for one is not named afterwards: its writer is told to write again', async () => {
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
