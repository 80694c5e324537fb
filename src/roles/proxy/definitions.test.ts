// Collections, partitions, loading and indexes as clients see them, with coordinators that answer what the test says.
import { describe, expect, it, vi } from 'vitest';
import { ElanusError } from '#base/errors.js';
import type { LoadRequest } from '#proto/elanus/roles.js';
import { ErrorCode, IndexState, LoadState } from '#proto/milvus/common.js';
import { ShowType } from '#proto/milvus/milvus.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { collectionRecord, openProxyWorld, VCHANNELS } from '../../../test/support/proxy-world.js';

const c = { collectionName: 'c' };

it('says that a collection is absent only when it is', async () => {
  let failure = new ElanusError('collection_not_found', 'gone');
  const describeCollection = async () => {
    throw failure;
  };
  const { call } = openProxyWorld({ definitions: { describeCollection } });
  expect(await call('hasCollection', c)).toMatchObject({ status: { code: 0 }, value: false });
  expect(await call('getLoadState', c)).toMatchObject({
    status: { code: 0 },
    state: LoadState.LoadStateNotExist,
  });
  failure = new ElanusError('service_unavailable', 'no answer');
  expect((await call('hasCollection', c)).status).toMatchObject({ reason: 'no answer' });
  expect((await call('getLoadState', c)).status).toMatchObject({ reason: 'no answer' });
});

it('lists collections with how far they are loaded', async () => {
  const named = (name: string, id: bigint) =>
    collectionRecord({ id, schema: CollectionSchema.fromPartial({ name }) });
  const { call } = openProxyWorld({
    definitions: {
      listCollections: async () => ({ collections: [named('a', 1n), named('b', 2n), named('half', 3n)] }),
    },
    queryCoord: {
      // One call for all of them.
      loadProgress: async ({ collectionIds }) => ({
        percent: collectionIds.map((id) => (id === 3n ? 50 : id === 2n ? -1 : 100)),
      }),
    },
  });
  expect(await call('showCollections', {})).toMatchObject({
    collectionNames: ['a', 'b', 'half'],
    inMemoryPercentages: [100n, 0n, 50n],
    queryServiceAvailable: [true, false, false],
  });
  const loaded = await call('showCollections', { type: ShowType.InMemory, collectionNames: ['half', 'b'] });
  expect(loaded.collectionNames).toEqual(['half']);
});

it('counts a segment once that is flushed between the two answers', async () => {
  const segment = { id: 7n, partitionId: 10n, rowCount: 5n };
  const channelRows = async ({ vchannel }: { readonly vchannel: string }) => ({
    segments: vchannel === VCHANNELS[0] ? [{ segmentId: 7n, partitionId: 10n, rowCount: 5n }] : [],
  });
  const { call } = openProxyWorld({
    streamingNode: { channelRows },
    channelRegistry: {
      listSegments: async () => ({
        segments: [
          segment,
          { id: 8n, partitionId: 11n, rowCount: 2n },
          { id: 9n, isLevelZero: true, rowCount: 1n },
        ],
      }),
    },
  });
  expect((await call('getCollectionStatistics', c)).stats).toEqual([{ key: 'row_count', value: '7' }]);
  expect((await call('getPartitionStatistics', { ...c, partitionName: 'other' })).stats).toEqual([
    { key: 'row_count', value: '2' },
  ]);
});

it('changes no partitions where a field chooses them', async () => {
  const { schema } = collectionRecord();
  const fields = (schema?.fields ?? []).map((field) => ({ ...field, isPartitionKey: field.name === 'n' }));
  const record = collectionRecord({ schema: CollectionSchema.fromPartial({ name: 'c', fields }) });
  const { call } = openProxyWorld({}, record);
  const request = { ...c, partitionName: 'p' };
  const created = await call('createPartition', request);
  expect(created.reason).toMatch('disable create partition');
  // As Node's own tests have it.
  expect(created.errorCode).toBe(ErrorCode.UnexpectedError);
  expect((await call('dropPartition', request)).reason).toMatch('disable drop partition');
  expect((await call('loadPartitions', { ...c, partitionNames: ['p'] })).reason).toMatch('disable load');
});

describe('loading', () => {
  it('hands on the partitions that are named', async () => {
    const loadCollection = vi.fn(async (_request: LoadRequest) => ({}));
    const { call } = openProxyWorld({ queryCoord: { loadCollection } });
    expect(await call('loadPartitions', { ...c, partitionNames: ['other'] })).toMatchObject({ code: 0 });
    expect(loadCollection.mock.calls[0]?.[0]).toMatchObject({ collectionId: 1n, partitionIds: [11n] });
  });

  it('is refused without an index on every vector field, and a refresh of what is not loaded', async () => {
    const { call } = openProxyWorld({}, collectionRecord({ indexes: [] }));
    expect(await call('loadCollection', c)).toMatchObject({
      code: 700,
      reason: expect.stringContaining('there is no vector index on field: [v]'),
    });
    const cold = openProxyWorld({ queryCoord: { loadState: async () => ({ known: false }) } });
    expect(await cold.call('loadCollection', { ...c, refresh: true })).toMatchObject({ code: 101 });
    expect((await cold.call('getLoadingProgress', c)).status?.code).toBe(101);
    expect(await cold.call('getReplicas', c)).toMatchObject({ status: { code: 0 }, replicas: [] });
  });

  it('reports what a waiting client would never get', async () => {
    const state = { known: true, progress: 30, outOfMemory: true, reason: 'needs 9 GB' };
    const { call } = openProxyWorld({ queryCoord: { loadState: async () => state } });
    expect((await call('getLoadingProgress', c)).status).toMatchObject({
      code: 3,
      reason: 'collection c is not served: needs 9 GB',
    });
    expect((await call('getLoadState', c)).state).toBe(LoadState.LoadStateLoading);
  });
});

describe('indexes', () => {
  const states = [
    {
      index: { fieldId: 101n, name: 'by_v', indexType: 'HNSW', metricType: 'L2' },
      state: IndexState.Finished,
    },
    {
      index: { fieldId: 102n, name: 'by_n' },
      state: IndexState.Failed,
      failReason: 'no room',
      indexedRows: 3n,
      totalRows: 9n,
    },
  ];
  const openIndexes = () =>
    openProxyWorld({ definitions: { indexStates: async () => ({ indexes: states }) } });

  it('are found by their name, their field, or the name of the field', async () => {
    const { call } = openIndexes();
    for (const named of [{ indexName: 'by_v' }, { fieldName: 'v' }, { indexName: 'v' }]) {
      const { indexDescriptions } = await call('describeIndex', { ...c, ...named });
      expect(indexDescriptions.map(({ indexName, fieldName }) => [indexName, fieldName])).toEqual([
        ['by_v', 'v'],
      ]);
    }
    expect((await call('describeIndex', c)).indexDescriptions).toHaveLength(2);
    expect((await call('describeIndex', { ...c, indexName: 'absent' })).status?.code).toBe(700);
  });

  it('have the state of the worst build', async () => {
    const { call } = openIndexes();
    expect(await call('getIndexState', c)).toMatchObject({ state: IndexState.Failed, failReason: 'no room' });
    expect(await call('getIndexState', { ...c, fieldName: 'v' })).toMatchObject({
      state: IndexState.Finished,
    });
    expect(await call('getIndexBuildProgress', { ...c, indexName: 'by_n' })).toMatchObject({
      indexedRows: 3n,
      totalRows: 9n,
    });
  });
});
