// Definition changes cut off at any step, or with a peer that fails: after the next start each has happened or has not,
// and what it had elsewhere is gone when it is.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  type SimulatedCluster,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import { CollectionRecord, DatabaseRecord, SegmentRecord } from '#proto/elanus/data.js';
import { ChannelRegistryDefinition, DataNodeDefinition, QueryCoordDefinition } from '#proto/elanus/roles.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { CreateCollectionRequest } from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType, FieldSchema } from '#proto/milvus/schema.js';
import { type Client, type Handlers, inProcessClient } from '#rpc/service.js';
import { anyNodes } from '../../../test/support/role-nodes.js';
import { RootCoord } from './root-coord.js';

/** What the peers of one cluster hold: data-coord's channels, segments and index files, query-coord's loads. */
interface World {
  readonly cluster: SimulatedCluster;
  readonly channels: Set<bigint>;
  readonly segments: Map<bigint, SegmentRecord>;
  /** Partitions with rows that only the log has: no list of segments has them. */
  readonly growing: Set<bigint>;
  readonly loaded: Set<bigint>;
  /** Calls of data-coord that fail. */
  readonly failing: Set<'dropCollectionData' | 'dropIndexFiles'>;
  readonly asked: string[];
}

const newWorld = (): World => ({
  cluster: simulatedCluster(5),
  channels: new Set(),
  segments: new Map(),
  growing: new Set(),
  loaded: new Set(),
  failing: new Set(),
  asked: [],
});

interface Life {
  readonly platform: MemoryPlatform;
  readonly handlers: RootCoord['definitionHandlers'];
  readonly run: <T>(call: Promise<T>) => Promise<T>;
}

/** @param crashAt the process dies when it is about to change the meta store, or to be heard by data-coord, for the nth time; 0: it lives */
async function live(world: World, crashAt = 0): Promise<Life & { readonly steps: () => number }> {
  const { cluster, channels, segments, growing, loaded, failing, asked } = world;
  const platform = openMemoryPlatform({ cluster, host: 'root' });
  let steps = 0;
  let isArmed = false;
  const transact = platform.metaStore.transact.bind(platform.metaStore);
  function client<D extends Parameters<typeof inProcessClient>[0]>(
    definition: D,
    handlers: Partial<Handlers<D>>,
  ): Client<D> {
    return inProcessClient(definition, handlers as Handlers<D>);
  }
  const step = (): boolean => {
    if (!isArmed || ++steps !== crashAt) return true;
    platform.crash();
    return false;
  };
  const fail = async (name: 'dropCollectionData' | 'dropIndexFiles'): Promise<void> => {
    if (!step()) await new Promise(() => {});
    if (failing.has(name)) throw new ElanusError('io_failed', 'disk full');
  };
  const rootCoord = await RootCoord.open(
    platform,
    {
      physicalChannelCount: 4,
      indexRowsMin: 1024,
      brokerDeadlineMs: 1000,
      indexCheckIntervalMs: 60_000,
      serverId: 1n,
    },
    {
      nodes: anyNodes,
      channelRegistry: client(ChannelRegistryDefinition, {
        dropCollectionData: async ({ collectionId, partitionId }) => {
          await fail('dropCollectionData');
          asked.push(`drop ${collectionId}/${partitionId}`);
          if (partitionId < 0n) channels.delete(collectionId);
          if (partitionId < 0n) growing.clear();
          else growing.delete(partitionId);
          for (const [id, segment] of segments)
            if (
              segment.collectionId === collectionId &&
              (partitionId < 0n || segment.partitionId === partitionId)
            )
              segments.delete(id);
          return {};
        },
        dropIndexFiles: async ({ collectionId, indexId }) => {
          await fail('dropIndexFiles');
          for (const [id, segment] of segments) {
            if (segment.collectionId !== collectionId) continue;
            segments.set(id, {
              ...segment,
              indexes: segment.indexes.filter((file) => file.indexId !== indexId),
            });
          }
          return {};
        },
        listSegments: async ({ collectionId }) => ({
          segments: [...segments.values()].filter((segment) => segment.collectionId === collectionId),
        }),
      }),
      queryCoord: client(QueryCoordDefinition, {
        releaseCollection: async ({ collectionId }) => {
          loaded.delete(collectionId);
          return {};
        },
        loadState: async () => ({ known: false }),
        segmentsChanged: async () => ({}),
      }),
      dataNode: client(DataNodeDefinition, {}),
    },
  );
  rootCoord.setDataCoord(
    client(DataCoordDefinition, {
      watchChannels: async ({ collectionID }) => {
        channels.add(collectionID);
        return {};
      },
      getFlushedSegments: async () => ({ segments: [] }),
    }),
  );
  const run = <T>(call: Promise<T>): Promise<T> => cluster.world.runUntil(call);
  await run(rootCoord.start());
  isArmed = true;
  Object.assign(platform.metaStore, {
    transact: (...from: Parameters<typeof transact>) => {
      step();
      return transact(...from);
    },
  });
  return { platform, handlers: rootCoord.definitionHandlers, run, steps: () => steps };
}

const schema = CollectionSchema.encode(
  CollectionSchema.fromPartial({
    name: 'c',
    fields: [
      FieldSchema.create({ name: 'id', dataType: DataType.Int64, isPrimaryKey: true }),
      FieldSchema.create({
        name: 'v',
        dataType: DataType.FloatVector,
        typeParams: [{ key: 'dim', value: '4' }],
      }),
    ],
  }),
).finish();
const context = { signal: new AbortController().signal, metadata: {} };
const ref = { database: '', name: 'c', id: 0n };
const partition = (name: string) => ({ collection: ref, partition: name });
const index = {
  collection: ref,
  fieldName: 'v',
  indexName: '',
  indexType: 'FLAT',
  metricType: 'L2',
  params: {},
};

const change = {
  createCollection: ({ handlers }: Life) =>
    handlers.createCollection(
      CreateCollectionRequest.create({ collectionName: 'c', schema, shardsNum: 1 }),
      context,
    ),
  dropCollection: ({ handlers }: Life) => handlers.dropCollection(ref, context),
  createPartition: ({ handlers }: Life) => handlers.createPartition(partition('p'), context),
  dropPartition: ({ handlers }: Life) => handlers.dropPartition(partition('p'), context),
  createIndex: ({ handlers }: Life) => handlers.createIndex(index, context),
  dropIndex: ({ handlers }: Life) => handlers.dropIndex({ collection: ref, indexName: 'v' }, context),
  createDatabase: ({ handlers }: Life) =>
    handlers.createDatabase(DatabaseRecord.create({ name: 'd' }), context),
  dropDatabase: ({ handlers }: Life) => handlers.dropDatabase(DatabaseRecord.create({ name: 'd' }), context),
};

type Change = keyof typeof change;
/** What is there before each change. */
const before: Readonly<Record<Change, readonly Change[]>> = {
  createCollection: [],
  dropCollection: ['createCollection', 'createPartition', 'createIndex'],
  createPartition: ['createCollection'],
  dropPartition: ['createCollection', 'createPartition', 'createIndex'],
  createIndex: ['createCollection'],
  dropIndex: ['createCollection', 'createIndex', 'createPartition'],
  createDatabase: [],
  dropDatabase: ['createDatabase'],
};

async function records({ cluster }: World) {
  const collections = (await cluster.metaStore.range('root-coord/collection/')).map(({ value }) =>
    CollectionRecord.decode(value),
  );
  const databases = (await cluster.metaStore.range('root-coord/database/db-info/')).map(({ value }) =>
    DatabaseRecord.decode(value),
  );
  return { collections, databases };
}

/** Rows in the log of each partition; of the first, a segment too, with a file of each index. */
async function fill(world: World): Promise<void> {
  for (const { id, partitions, indexes } of (await records(world)).collections) {
    for (const [at, { id: partitionId }] of partitions.entries()) {
      world.growing.add(partitionId);
      if (at > 0) continue;
      const files = indexes.map((one) => ({ indexId: one.id, key: `index_files/${at}`, state: 'finished' }));
      world.segments.set(
        BigInt(at),
        SegmentRecord.fromPartial({
          id: BigInt(at),
          collectionId: id,
          partitionId,
          state: 'flushed',
          indexes: files,
        }),
      );
    }
  }
}

/** Everything elsewhere is of something that is defined, and nothing is half done. */
async function expectWhole(world: World): Promise<void> {
  const { collections } = await records(world);
  expect(
    collections.every(
      ({ state, droppingPartitions }) => state === 'created' && droppingPartitions.length === 0,
    ),
  ).toBe(true);
  expect([...world.channels]).toEqual(collections.map(({ id }) => id));
  const partitions = new Set(collections.flatMap((record) => record.partitions.map(({ id }) => id)));
  const indexes = new Set(collections.flatMap((record) => record.indexes.map(({ id }) => id)));
  for (const id of world.growing) expect(partitions).toContain(id);
  for (const segment of world.segments.values()) {
    expect(partitions).toContain(segment.partitionId);
    for (const file of segment.indexes) expect(indexes).toContain(file.indexId);
  }
}

const wanted = async (world: World) => {
  const { collections, databases } = await records(world);
  return {
    collections: collections.map((record) => [
      record.partitions.map(({ name }) => name),
      record.indexes.map(({ name }) => name),
    ]),
    databases: databases.map(({ name }) => name).sort(),
  };
};

describe('definition changes', () => {
  it.each(Object.keys(change) as Change[])(
    '%s, killed at any step: done or not done, and done whole when asked again',
    async (name) => {
      let lives = 0;
      for (let crashAt = 1; crashAt < 20; crashAt++) {
        const world = newWorld();
        const first = await live(world);
        for (const step of before[name]) await first.run(change[step](first));
        await fill(world);
        const old = await wanted(world);
        first.platform.crash();
        const second = await live(world, crashAt);
        void change[name](second).catch(() => {});
        await world.cluster.world.advance(1000);
        const isThrough = second.steps() < crashAt;
        second.platform.crash();

        const third = await live(world);
        await world.cluster.world.advance(1000);
        await expectWhole(world);
        const found = await wanted(world);
        await third
          .run(change[name](third))
          .catch((error: { readonly key: string }) =>
            expect(['refused', 'database_not_found']).toContain(error.key),
          );
        await world.cluster.world.advance(1000);
        const done = await wanted(world);
        await expectWhole(world);
        expect([old, done]).toContainEqual(found);
        if (isThrough) {
          expect(found).toEqual(done);
          break;
        }
        lives++;
      }
      expect(lives).toBeGreaterThan(0);
    },
  );
  it('a partition whose data cannot be removed now is gone at once, its name is free, and its data goes later', async () => {
    const world = newWorld();
    const life = await live(world);
    await life.run(change.createCollection(life));
    await life.run(change.createPartition(life));
    await fill(world);
    const [old] = (await records(world)).collections[0]?.partitions.filter(({ name }) => name === 'p') ?? [];
    world.failing.add('dropCollectionData');
    await life.run(change.dropPartition(life));
    const described = async () =>
      (await life.run(life.handlers.describeCollection(ref, context))).collection?.partitions?.map(
        (one) => one.name,
      );
    expect(await described()).toEqual(['_default']);
    await life.run(change.createPartition(life));
    expect(await described()).toEqual(['_default', 'p']);
    await fill(world);
    expect(world.asked).toEqual([]);
    world.failing.clear();
    await world.cluster.world.advance(5000);
    expect(world.asked).toEqual([`drop ${(await records(world)).collections[0]?.id}/${old?.id}`]);
    await expectWhole(world);
    expect(await described()).toEqual(['_default', 'p']);
  });
  it('a partition that is being dropped goes with its collection', async () => {
    const world = newWorld();
    const life = await live(world);
    for (const name of ['createCollection', 'createPartition'] as const) await life.run(change[name](life));
    await fill(world);
    world.failing.add('dropCollectionData');
    await life.run(change.dropPartition(life));
    await life.run(change.dropCollection(life));
    world.failing.clear();
    await world.cluster.world.advance(20_000);
    expect((await records(world)).collections).toEqual([]);
    expect([world.channels.size, world.segments.size]).toEqual([0, 0]);
  });
  it('data of partitions and indexes that nobody defines goes at the start: what older versions left', async () => {
    const world = newWorld();
    const first = await live(world);
    for (const name of ['createCollection', 'createPartition', 'createIndex'] as const)
      await first.run(change[name](first));
    await fill(world);
    const id = (await records(world)).collections[0]?.id ?? 0n;
    const lost = { id: 90n, collectionId: id, partitionId: 999n, state: 'flushed' };
    world.segments.set(90n, SegmentRecord.fromPartial(lost));
    world.segments.set(
      91n,
      SegmentRecord.fromPartial({ ...lost, id: 91n, partitionId: -1n, isLevelZero: true }),
    );
    const [kept] = world.segments.values();
    if (kept === undefined) throw new Error('no segment');
    world.segments.set(
      kept.id,
      SegmentRecord.fromPartial({
        ...kept,
        indexes: [...kept.indexes, { indexId: 998n, key: 'index_files/x' }],
      }),
    );
    first.platform.crash();
    await live(world);
    await world.cluster.world.advance(1000);
    expect([...world.segments.keys()].sort()).toEqual([0n, 91n]);
    expect(world.segments.get(kept.id)?.indexes).toHaveLength(1);
  });
  it('a database that is being dropped gets no collection', async () => {
    const world = newWorld();
    const life = await live(world);
    await life.run(change.createDatabase(life));
    const inside = CreateCollectionRequest.create({ dbName: 'd', collectionName: 'c', schema, shardsNum: 1 });
    for (let turns = 0; turns < 40; turns++) {
      const creating = life.handlers
        .createCollection({ ...inside, collectionName: `c${turns}` }, context)
        .then(
          () => true,
          () => false,
        );
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const dropping = life.handlers.dropDatabase(DatabaseRecord.create({ name: 'd' }), context).then(
        () => true,
        () => false,
      );
      const [created, dropped] = await life.run(Promise.all([creating, dropping]));
      expect([created, dropped]).not.toEqual([true, true]);
      const { collections, databases } = await records(world);
      const names = new Set(databases.map(({ name }) => name));
      for (const record of collections) expect(names).toContain(record.database);
      if (dropped) await life.run(change.createDatabase(life));
      if (created)
        await life.run(life.handlers.dropCollection({ database: 'd', name: `c${turns}`, id: 0n }, context));
    }
  });
});
