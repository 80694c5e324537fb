// The six calls from RootCoord to DataCoord, whatever lies between the two: a function call, a process border, or a foreign client.
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDataCoordBroker, type DataCoordBroker } from '#roles/root-coord/data-coord-broker.js';
import type { BrokerWorld } from './broker-world.js';
import {
  createLoaded,
  DIM,
  insertRange,
  keyField,
  mustSucceed,
  until,
  vectorField,
  vectorOf,
} from './support.js';

const ROWS = 2000;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

export function brokerSuite(name: string, open: () => Promise<BrokerWorld>): void {
  describe(`broker, ${name}`, () => {
    let world: BrokerWorld;
    let broker: DataCoordBroker;
    let collectionId = 0n;
    let channels: string[] = [];
    beforeAll(async () => {
      world = await open();
      broker = createDataCoordBroker(world.dataCoord, world.platform, { deadlineMs: 10_000 });
      // Create collection needs watchChannels, flush needs flushOnCollection: the production callers come first.
      await createLoaded(world.client, 'books', { metric: 'L2' });
      const described = await world.client.describeCollection({ collection_name: 'books' });
      collectionId = BigInt(described.collectionID);
      channels = described.virtual_channel_names;
      await insertRange(world.client, 'books', 0, ROWS);
      await mustSucceed(world.client.flushSync({ collection_names: ['books'] }));
    });
    afterAll(() => world?.close());

    const flushed = (): Promise<readonly bigint[]> => broker.getFlushedSegments(collectionId, -1n);
    async function firstSegment(): Promise<bigint> {
      const [first] = await flushed();
      if (first === undefined) throw new Error('no flushed segment');
      return first;
    }

    describe('getFlushedSegments', () => {
      test('lists what a flush acknowledged', async () => {
        expect((await flushed()).length).toBeGreaterThanOrEqual(1);
        const infos = await world.client
          .getPersistentSegmentInfo({ collectionName: 'books' })
          .catch(() => undefined);
        if (infos?.status.code === 0)
          expect(new Set(infos.infos.map((info) => BigInt(info.segmentID)))).toEqual(
            new Set(await flushed()),
          );
      });
      test('by partition: its own, none of an unknown one', async () => {
        const partitions = await world.client.showPartitions({ collection_name: 'books' });
        const partitionId = BigInt(partitions.partitionIDs[0] ?? 0);
        expect(await broker.getFlushedSegments(collectionId, partitionId)).toEqual(await flushed());
        expect(await broker.getFlushedSegments(collectionId, 4711n)).toEqual([]);
      });
      test('an unknown collection has none', async () => {
        expect(await broker.getFlushedSegments(4711n, -1n)).toEqual([]);
      });
    });

    describe('getNumRows', () => {
      test('sums to what was inserted', async () => {
        const counts = await Promise.all((await flushed()).map((id) => broker.getNumRows(id, false)));
        expect(counts.reduce((sum, count) => sum + count, 0n)).toBe(BigInt(ROWS));
      });
      test('an unknown segment is a typed error that names it', async () => {
        await expect(broker.getNumRows(4711n, false)).rejects.toMatchObject({
          key: 'segment_not_found',
          message: expect.stringContaining('4711'),
        });
      });
    });

    describe('getBinlogFilePaths', () => {
      test('key, vector and both system fields have files, and the files are there', async () => {
        const segmentId = await firstSegment();
        for (const fieldId of [0n, 1n, 100n, 101n]) {
          const paths = await broker.getBinlogFilePaths(segmentId, fieldId);
          expect(paths.length).toBeGreaterThanOrEqual(1);
          for (const path of paths) {
            expect(path).toContain(`/${collectionId}/`);
            expect(await world.platform.objectStore.size(path)).toBeGreaterThan(0);
          }
        }
      });
      test('unknown segment and unknown field are different errors', async () => {
        await expect(broker.getBinlogFilePaths(4711n, 100n)).rejects.toMatchObject({
          key: 'segment_not_found',
        });
        await expect(broker.getBinlogFilePaths(await firstSegment(), 999n)).rejects.toMatchObject({
          key: 'object_not_found',
        });
      });
    });

    describe('watchChannels', () => {
      test('repeating it changes nothing', async () => {
        const before = await rowCount();
        const { schema, createdTimestamp } = await definitionOf();
        for (let round = 0; round < 3; round++)
          await broker.watchChannels(collectionId, channels, { schema, createTimestamp: createdTimestamp });
        expect(await rowCount()).toBe(before);
        await insertRange(world.client, 'books', ROWS, ROWS + 5);
        await mustSucceed(
          world.client.delete({
            collection_name: 'books',
            ids: Array.from({ length: 5 }, (_, at) => ROWS + at),
          }),
        );
        expect(await rowCount()).toBe(before);
      });
      test('no channels is success', async () => {
        const { schema, createdTimestamp } = await definitionOf();
        await broker.watchChannels(collectionId, [], { schema, createTimestamp: createdTimestamp });
      });
    });

    describe('flushOnCollection', () => {
      test('seals what grows; the rows are listed once the checkpoint has passed', async () => {
        await createLoaded(world.client, 'flushed', { shards: 2 });
        const id = BigInt(
          (await world.client.describeCollection({ collection_name: 'flushed' })).collectionID,
        );
        await insertRange(world.client, 'flushed', 0, 100);
        const answer = await broker.flushOnCollection(id, []);
        expect(answer.collectionID).toBe(id);
        expect(answer.segmentIDs.length).toBeGreaterThanOrEqual(1);
        expect(answer.flushTs).toBeGreaterThan(0n);
        expect(answer.timeOfSeal).toBeGreaterThan(1_500_000_000n);
        expect(Object.keys(answer.channelCps)).toHaveLength(2);
        const rows = await until('rows in files', async () => {
          const counts = await Promise.all(
            (await broker.getFlushedSegments(id, -1n)).map((segment) => broker.getNumRows(segment, false)),
          );
          const sum = counts.reduce((total, count) => total + count, 0n);
          return sum >= 100n ? sum : undefined;
        });
        expect(rows).toBe(100n);
        expect(new Set(answer.segmentIDs)).toEqual(new Set(await broker.getFlushedSegments(id, -1n)));
        // Again, with nothing to seal: success, and what is flushed stays flushed.
        const again = await broker.flushOnCollection(id, answer.segmentIDs);
        expect(again.segmentIDs).toEqual([]);
        expect(new Set(again.flushSegmentIDs)).toEqual(new Set(answer.segmentIDs));
      });
      test('an unknown collection is a typed error', async () => {
        await expect(broker.flushOnCollection(4711n, [])).rejects.toMatchObject({
          key: 'collection_not_found',
        });
      });
    });

    describe('importData', () => {
      const files = ['import/books.json'];
      test('a job that ends with its rows visible; the same task again is the same job', async () => {
        await createLoaded(world.client, 'imported');
        const described = await world.client.describeCollection({ collection_name: 'imported' });
        const id = BigInt(described.collectionID);
        const rows = Array.from({ length: 50 }, (_, at) => ({ id: at, vector: vectorOf(at) }));
        await world.platform.objectStore.put(files[0] ?? '', [encode(JSON.stringify(rows))]);
        const partitions = await world.client.showPartitions({ collection_name: 'imported' });
        const importTask = {
          collectionId: id,
          partitionId: BigInt(partitions.partitionIDs[0] ?? 0),
          channelNames: described.virtual_channel_names,
          rowBased: true,
          taskId: 990_001n,
          files,
        };
        for (let round = 0; round < 3; round++)
          expect((await broker.importData({ importTask })).datanodeId).not.toBe(0n);
        await until('the imported rows', async () =>
          (await rowCount('imported')) === 50 ? true : undefined,
        );
        const segments = await broker.getFlushedSegments(id, -1n);
        const counts = await Promise.all(segments.map((segment) => broker.getNumRows(segment, false)));
        expect(counts.reduce((sum, count) => sum + count, 0n)).toBe(50n);
      });
      test('no task, no files: an error, never a success', async () => {
        await expect(broker.importData({})).rejects.toMatchObject({ key: 'missing_parameter' });
        const importTask = {
          collectionId,
          partitionId: 1n,
          channelNames: channels,
          taskId: 990_002n,
          files: [],
        };
        await expect(broker.importData({ importTask })).rejects.toMatchObject({ key: 'import_failed' });
      });
      test('through the public call', async () => {
        await mustSucceed(
          world.client.createCollection({ collection_name: 'bulk', fields: [keyField, vectorField] }),
        );
        await mustSucceed(
          world.client.createIndex({
            collection_name: 'bulk',
            field_name: 'vector',
            index_type: 'FLAT',
            metric_type: 'L2',
          }),
        );
        await mustSucceed(world.client.loadCollection({ collection_name: 'bulk' }));
        await world.platform.objectStore.put('import/bulk.json', [
          encode(JSON.stringify([{ id: 7, vector: vectorOf(7) }])),
        ]);
        await mustSucceed(world.client.bulkInsert({ collection_name: 'bulk', files: ['import/bulk.json'] }));
        await until('the imported row', async () => ((await rowCount('bulk')) === 1 ? true : undefined));
      });
    });

    describe('segments that go', () => {
      const notFound = { key: 'segment_not_found' };
      test('with their collection: neither listed, nor counted, nor do they have files', async () => {
        const id = await flushedCollection('dropped');
        const [segment = 0n] = await broker.getFlushedSegments(id, -1n);
        await mustSucceed(world.client.dropCollection({ collection_name: 'dropped' }));
        expect(await broker.getFlushedSegments(id, -1n)).toEqual([]);
        await expect(broker.getBinlogFilePaths(segment, 100n)).rejects.toMatchObject(notFound);
        await expect(broker.getNumRows(segment, false)).rejects.toMatchObject(notFound);
        const listed = await world.client.getPersistentSegmentInfo({ collectionName: 'dropped' });
        expect(listed.status).toMatchObject({ code: 100 });
      });
      test('by compaction: the sum of rows stays, the new one has files, the sources have theirs or are not found', async () => {
        const id = await flushedCollection('compacted');
        await insertRange(world.client, 'compacted', 100, 150);
        await mustSucceed(world.client.flushSync({ collection_names: ['compacted'] }));
        const sources = await broker.getFlushedSegments(id, -1n);
        expect([sources.length, await rowsOfAll(id)]).toEqual([2, 150n]);
        const { compactionID } = await world.client.compact({ collection_name: 'compacted' });
        await until('the compaction', async () =>
          String((await world.client.getCompactionState({ compactionID })).state) === 'Completed'
            ? true
            : undefined,
        );
        const [merged = 0n, ...others] = await broker.getFlushedSegments(id, -1n);
        expect([others, sources.includes(merged)]).toEqual([[], false]);
        expect([await rowsOfAll(id), await rowCount('compacted')]).toEqual([150n, 150]);
        expect((await broker.getBinlogFilePaths(merged, 100n)).length).toBeGreaterThanOrEqual(1);
        for (const source of sources)
          await expect(broker.getBinlogFilePaths(source, 100n)).rejects.toMatchObject(notFound);
      });
      test('with their partition before they are flushed: the flush ends, and makes none', async () => {
        const id = await flushedCollection('emptied');
        const partition = { collection_name: 'emptied', partition_name: 'p' };
        await mustSucceed(world.client.createPartition(partition));
        await insertRange(world.client, 'emptied', 100, 110, undefined, 'p');
        const before = await broker.getFlushedSegments(id, -1n);
        await mustSucceed(
          world.client.releasePartitions({ collection_name: 'emptied', partition_names: ['p'] }),
        );
        await mustSucceed(world.client.dropPartition(partition));
        await mustSucceed(world.client.flushSync({ collection_names: ['emptied'] }));
        expect(await broker.getFlushedSegments(id, -1n)).toEqual(before);
      });
    });

    describe('index build on flushed segments', () => {
      test('finds rows and paths, and finishes', async () => {
        await mustSucceed(
          world.client.createCollection({
            collection_name: 'late_index',
            fields: [keyField, { name: 'vector', data_type: DataType.FloatVector, dim: DIM }],
          }),
        );
        await insertRange(world.client, 'late_index', 0, ROWS);
        await mustSucceed(world.client.flushSync({ collection_names: ['late_index'] }));
        await mustSucceed(
          world.client.createIndex({
            collection_name: 'late_index',
            field_name: 'vector',
            index_type: 'FLAT',
            metric_type: 'COSINE',
          }),
        );
        await until('the index', async () => {
          const described = await world.client.describeIndex({ collection_name: 'late_index' });
          const [index] = described.index_descriptions;
          return index?.state === 'Finished' && Number(index.indexed_rows) === ROWS ? true : undefined;
        });
        expect((await world.platform.objectStore.list('index_files/')).length).toBeGreaterThanOrEqual(1);
      });
    });

    /** With a hundred rows in files. */
    async function flushedCollection(name: string): Promise<bigint> {
      await createLoaded(world.client, name);
      await insertRange(world.client, name, 0, 100);
      await mustSucceed(world.client.flushSync({ collection_names: [name] }));
      return BigInt((await world.client.describeCollection({ collection_name: name })).collectionID);
    }
    async function rowsOfAll(id: bigint): Promise<bigint> {
      const segments = await broker.getFlushedSegments(id, -1n);
      const counts = await Promise.all(segments.map((segment) => broker.getNumRows(segment, false)));
      return counts.reduce((sum, count) => sum + count, 0n);
    }
    async function rowCount(collection = 'books'): Promise<number> {
      return Number((await world.client.count({ collection_name: collection })).data);
    }
    async function definitionOf() {
      const { DefinitionsDefinition } = await import('#proto/elanus/roles.js');
      const { collection } = await world.node.directory
        .client(DefinitionsDefinition)
        .describeCollection({ id: collectionId });
      if (collection?.schema === undefined) throw new Error('no schema');
      return { schema: collection.schema, createdTimestamp: collection.createdTimestamp };
    }
  });
}
