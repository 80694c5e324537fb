// DDL on a store that outlives the process: repeats change nothing, and what a crash or an absent peer leaves half done ends well.
import { describe, expect, it, test } from 'vitest';
import { deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { idKey } from '#catalog/record-table.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import { CollectionRecord, SessionRecord } from '#proto/elanus/data.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { NumberedCalls } from '#rpc/sessions/numbered-calls.js';
import { SESSION_PREFIX } from '#rpc/sessions/own-session.js';
import {
  context,
  createRequest,
  openRootCoord,
  schemaBytes,
  unavailable,
} from '../../../test/support/root-coord.js';

/** The next transaction of a collection in this state is carried out, and its caller hears that it failed; or neither of the two. */
function loseOutcome({ metaStore }: Pick<Platform, 'metaStore'>, state = '', isCarriedOut = true): void {
  const transact = metaStore.transact.bind(metaStore);
  const lost: typeof transact = async (compares, operations) => {
    const isMeant = operations.some(
      (one) =>
        one.kind === 'put' &&
        one.key.startsWith('root-coord/collection/') &&
        (state === '' || CollectionRecord.decode(one.value).state === state),
    );
    if (!isMeant) return transact(compares, operations);
    Object.assign(metaStore, { transact });
    if (isCarriedOut) await transact(compares, operations);
    throw new ElanusError('io_failed', 'transact: no answer in time; try again');
  };
  Object.assign(metaStore, { transact: lost });
}

describe('create collection', () => {
  it('once: a record, and one hand-over of its channels', async () => {
    const { create, describe: described, peers, records } = await openRootCoord();
    await create();
    const { collection } = await described();
    expect(collection?.vchannels).toHaveLength(2);
    expect(new Set(collection?.vchannels?.map((name) => name?.slice(0, name.lastIndexOf('_')))).size).toBe(2);
    expect(peers.seen).toEqual([`watchChannels ${collection?.id}`]);
    expect(await records()).toMatchObject([{ state: 'created' }]);
  });
  it('again with the same schema: nothing; with another: refused', async () => {
    const { create, peers, records } = await openRootCoord();
    await create();
    const before = await records();
    await create();
    await expect(create({ schema: schemaBytes('8') })).rejects.toMatchObject({ key: 'duplicate_collection' });
    await expect(create({ shardsNum: 1 })).rejects.toMatchObject({ key: 'duplicate_collection' });
    expect(peers.seen).toHaveLength(1);
    expect(await records()).toEqual(before);
  });
  it('side by side under one name: one collection', async () => {
    const { cluster, handlers, records, peers } = await openRootCoord();
    await cluster.world.runUntil(
      Promise.all(Array.from({ length: 8 }, () => handlers.createCollection(createRequest(), context))),
    );
    expect(await records()).toHaveLength(1);
    expect(peers.seen).toHaveLength(1);
  });
  it('side by side under many names: spread over the channels', async () => {
    const { cluster, handlers, records } = await openRootCoord();
    const names = Array.from({ length: 8 }, (_, i) => `side_${i}`);
    const create = (name: string) => {
      const request = createRequest();
      const schema = CollectionSchema.encode({ ...CollectionSchema.decode(request.schema), name }).finish();
      return handlers.createCollection({ ...request, schema, collectionName: name, shardsNum: 1 }, context);
    };
    await cluster.world.runUntil(Promise.all(names.map(create)));
    const used = (await records()).flatMap(({ vchannels }) => vchannels.map((name) => name.split('_')[1]));
    const counts = [...new Set(used)].map((physical) => used.filter((one) => one === physical).length);
    expect(used).toHaveLength(8);
    expect(Math.max(...counts) - Math.min(...counts)).toBe(0);
  });
  it('data-coord absent: fails by the deadline and leaves nothing, also while it stays absent', async () => {
    const { create, describe: described, cluster, peers, records } = await openRootCoord();
    peers.failures.set('watchChannels', unavailable).set('dropCollectionData', unavailable);
    const begin = cluster.world.now;
    await expect(create()).rejects.toMatchObject({ key: 'service_unavailable' });
    expect(cluster.world.now - begin).toBeLessThan(1200);
    await expect(described()).rejects.toMatchObject({ key: 'collection_not_found' });
    await cluster.world.advance(20_000);
    expect(await records()).toMatchObject([{ state: 'dropping' }]);
    // The name is free meanwhile, and the new collection outlives the end of the old one.
    peers.failures.delete('watchChannels');
    await create();
    const { collection } = await described();
    peers.failures.clear();
    await cluster.world.advance(60_000);
    expect(await records()).toMatchObject([{ state: 'created', id: collection?.id }]);
    expect((await described()).collection?.id).toBe(collection?.id);
  });
});

describe('a create whose record fails', () => {
  it.each([
    ['creating', true],
    ['creating', false],
    ['created', false],
  ])(
    'as it is %s (carried out all the same: %s) leaves nothing, in the same life',
    async (state, isCarriedOut) => {
      const world = await openRootCoord();
      loseOutcome(world.platform, state, isCarriedOut);
      await expect(world.create()).rejects.toMatchObject({ key: 'io_failed' });
      await expect(world.describe()).rejects.toMatchObject({ key: 'collection_not_found' });
      await world.cluster.world.advance(5000);
      expect(await world.records()).toEqual([]);
      await world.create();
      expect(await world.records()).toMatchObject([{ state: 'created' }]);
    },
  );
  it('and was carried out all the same: it is there, and stays', async () => {
    const world = await openRootCoord();
    loseOutcome(world.platform, 'created');
    await expect(world.create()).rejects.toMatchObject({ key: 'io_failed' });
    await world.cluster.world.advance(5000);
    expect(await world.records()).toMatchObject([{ state: 'created' }]);
    expect((await world.describe()).collection?.vchannels).toHaveLength(2);
  });
});

test.each(['collection', 'partition', 'index'])(
  'a create of a %s that comes again after somebody dropped what it made makes nothing',
  async (what) => {
    const first = await openRootCoord();
    const value = SessionRecord.encode(SessionRecord.fromPartial({ serverId: 7n })).finish();
    const session = { kind: 'put', key: `${SESSION_PREFIX}${idKey(7n)}`, value } as const;
    await first.cluster.metaStore.transact([], [session]);
    await first.create({ collectionName: 'other' });
    const collection = { database: '', name: 'other', id: 0n };
    const partition = { collection, partition: 'p' };
    const index = {
      collection,
      fieldName: 'v',
      indexName: 'v',
      indexType: 'FLAT',
      metricType: 'L2',
      params: {},
    };
    type Rooted = Awaited<ReturnType<typeof openRootCoord>>;
    const sent = ({ handlers }: Rooted, context: CallContext): Promise<unknown> =>
      what === 'collection'
        ? handlers.createCollection(createRequest(), context)
        : what === 'partition'
          ? handlers.createPartition(partition, context)
          : handlers.createIndex(index, context);
    const dropped = ({ handlers }: Rooted): Promise<unknown> =>
      what === 'collection'
        ? handlers.dropCollection({ database: '', name: 'c', id: 0n }, context)
        : what === 'partition'
          ? handlers.dropPartition(partition, context)
          : handlers.dropIndex({ collection, indexName: 'v' }, context);
    const left = async () =>
      (await first.records()).map(({ schema, partitions, indexes }) => [
        schema?.name,
        partitions.length,
        indexes.length,
      ]);
    const call = new NumberedCalls(7n).begin();
    await first.cluster.world.runUntil(sent(first, call.context(context)));
    expect(await left()).not.toEqual([['other', 1, 0]]);
    await first.cluster.world.runUntil(dropped(first));
    // The one that takes over, too.
    first.platform.crash();
    const second = await openRootCoord(first.cluster);
    await second.cluster.world.runUntil(sent(second, call.context(context)));
    expect(await left()).toEqual([['other', 1, 0]]);
  },
);

describe('after a crash', () => {
  it.each(['creating', 'dropping'])('a collection left %s is gone after the next start', async (state) => {
    const first = await openRootCoord();
    await first.create();
    const [record] = await first.records();
    if (record === undefined) throw new Error('no record');
    const value = CollectionRecord.encode({ ...record, state }).finish();
    const [entry] = await first.cluster.metaStore.range('root-coord/collection/');
    first.platform.crash();
    await first.cluster.metaStore.transact([], [{ kind: 'put', key: entry?.key ?? '', value }]);
    const second = await openRootCoord(first.cluster);
    expect(second.peers.seen).toEqual([`releaseCollection ${record.id}`, `dropCollectionData ${record.id}`]);
    expect(await second.records()).toEqual([]);
    await expect(second.describe()).rejects.toMatchObject({ key: 'collection_not_found' });
    await second.create();
    expect((await second.describe()).collection?.id).not.toBe(record.id);
  });
  it('a crash while watchChannels runs', async () => {
    const first = await openRootCoord();
    first.peers.failures.set('watchChannels', () => new Promise<never>(() => {}));
    void first.handlers.createCollection(createRequest(), context).catch(() => {});
    await first.cluster.world.advance(100);
    expect(await first.records()).toMatchObject([{ state: 'creating' }]);
    first.platform.crash();
    const second = await openRootCoord(first.cluster);
    expect(await second.records()).toEqual([]);
  });
  it('what clients define between the hand-over and the start is not taken for what the crash left', async () => {
    const first = await openRootCoord();
    first.peers.failures.set('watchChannels', () => new Promise<never>(() => {}));
    void first.handlers.createCollection(createRequest(), context).catch(() => {});
    await first.cluster.world.advance(100);
    first.platform.crash();
    const second = await openRootCoord(first.cluster, false);
    const opened = deferred<never>();
    second.peers.failures.set('watchChannels', () => opened.promise);
    // One of a new name, and that which the crash cut off, sent again.
    const created = ['new', 'c'].map((collectionName) =>
      second.handlers.createCollection(createRequest({ collectionName }), context),
    );
    await second.cluster.world.advance(100);
    await second.cluster.world.runUntil(second.rootCoord.start());
    opened.resolve(undefined as never);
    await second.cluster.world.runUntil(Promise.all(created));
    await second.cluster.world.advance(10_000);
    for (const name of ['new', 'c']) {
      const { collection } = await second.describe(name);
      expect(second.peers.seen).not.toContain(`dropCollectionData ${collection?.id}`);
    }
    expect((await second.records()).map(({ state }) => state)).toEqual(['created', 'created']);
  });
  it('old and new under one name: the new one keeps it', async () => {
    const first = await openRootCoord();
    first.peers.failures.set('dropCollectionData', unavailable);
    await first.create();
    await first.drop();
    await first.create();
    const { collection } = await first.describe();
    expect((await first.records()).map((record) => record.state).sort()).toEqual(['created', 'dropping']);
    first.platform.crash();
    const second = await openRootCoord(first.cluster);
    expect((await second.describe()).collection?.id).toBe(collection?.id);
    expect(await second.records()).toMatchObject([{ id: collection?.id, state: 'created' }]);
  });
});

describe('drop collection', () => {
  it('is gone at once, and its data as soon as data-coord answers', async () => {
    const { create, drop, describe: described, cluster, peers, records } = await openRootCoord();
    await create();
    peers.failures.set('dropCollectionData', unavailable);
    await drop();
    await expect(described()).rejects.toMatchObject({ key: 'collection_not_found' });
    await drop();
    expect(await records()).toMatchObject([{ state: 'dropping' }]);
    peers.failures.clear();
    await cluster.world.advance(5000);
    expect(await records()).toEqual([]);
  });
  it('is answered while nobody removes its data yet', async () => {
    const { create, drop, cluster, peers, records } = await openRootCoord();
    await create();
    const gate = deferred<never>();
    peers.failures.set('releaseCollection', () => gate.promise);
    const begin = cluster.world.now;
    await drop();
    expect(cluster.world.now - begin).toBe(2000);
    await create();
    gate.resolve(undefined as never);
    await cluster.world.advance(1);
    expect(await records()).toMatchObject([{ state: 'created' }]);
  });
  it('is finished when the outcome of its record gets lost, in the same life', async () => {
    const world = await openRootCoord();
    await world.create();
    loseOutcome(world.platform);
    await expect(world.drop()).rejects.toMatchObject({ key: 'io_failed' });
    await world.cluster.world.advance(5000);
    expect(await world.records()).toEqual([]);
  });
  it('of a partition is finished so, too', async () => {
    const { create, cluster, handlers, platform, records } = await openRootCoord();
    await create();
    const partition = { collection: { database: '', name: 'c', id: 0n }, partition: 'p' };
    await cluster.world.runUntil(handlers.createPartition(partition, context));
    loseOutcome(platform);
    await expect(cluster.world.runUntil(handlers.dropPartition(partition, context))).rejects.toMatchObject({
      key: 'io_failed',
    });
    await cluster.world.advance(5000);
    expect(await records()).toMatchObject([{ partitions: [{ name: '_default' }], droppingPartitions: [] }]);
  });
  it('of a name nobody knows is success', async () => {
    const { drop, peers } = await openRootCoord();
    await drop('nobody');
    expect(peers.seen).toEqual([]);
  });
  it('close ends the tries', async () => {
    const { create, drop, cluster, peers, rootCoord } = await openRootCoord();
    await create();
    peers.failures.set('dropCollectionData', unavailable);
    await drop();
    await cluster.world.runUntil(rootCoord.close());
    const tries = peers.seen.length;
    await cluster.world.advance(120_000);
    expect(peers.seen).toHaveLength(tries);
  });
});

describe('create index', () => {
  const hnsw = (
    params: Record<string, string>,
    more: { readonly indexType?: string; readonly indexName?: string } = {},
  ) => ({
    collection: { database: '', name: 'c', id: 0n },
    fieldName: 'v',
    indexName: '',
    indexType: 'HNSW',
    metricType: 'L2',
    params,
    ...more,
  });
  it('again with equal parameters, however written: nothing; with others: refused', async () => {
    const { create, describe: described, cluster, handlers } = await openRootCoord();
    await create();
    const createIndex = (...from: Parameters<typeof hnsw>) =>
      cluster.world.runUntil(handlers.createIndex(hnsw(...from), context));
    await createIndex({ params: '{"M":16,"efConstruction":100}' });
    await createIndex({ params: '{"efConstruction":"100","M":16}' });
    await createIndex({ M: '16', efConstruction: '100' });
    await createIndex({ M: '16', efConstruction: '100' }, { indexName: 'v' });
    const refused = {
      key: 'refused',
      message: expect.stringMatching(/^CreateIndex failed: at most one distinct index is allowed per field/),
    };
    await expect(createIndex({ params: '{"M":32,"efConstruction":100}' })).rejects.toMatchObject(refused);
    await expect(createIndex({ M: '16' })).rejects.toMatchObject(refused);
    await expect(createIndex({}, { indexType: 'FLAT' })).rejects.toMatchObject(refused);
    await expect(
      createIndex({ M: '16', efConstruction: '100' }, { indexName: 'other' }),
    ).rejects.toMatchObject(refused);
    expect((await described()).collection?.indexes).toHaveLength(1);
  });
});
