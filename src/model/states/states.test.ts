// The life cycles: whatever is written comes back as it was, each move that is drawn is there, and no other.
import { describe, expect, test } from 'vitest';
import { nextFloat, seededRandom } from '#base/random.js';
import {
  ChannelRecord,
  CollectionRecord,
  type FileRecord,
  ImportJobRecord,
  ImportTaskRecord,
  type IndexFileRecord,
  LoadRecord,
  type PartitionRecord,
  SegmentRecord,
} from '#proto/elanus/data.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { type Channel, channelRecord, moveChannel, parseChannel } from './channel.js';
import { type Collection, moveCollection, parseCollection } from './collection.js';
import {
  type ImportJob,
  type ImportJobEvent,
  importJobRecord,
  isLiveJob,
  moveImportJob,
  parseImportJob,
} from './import-job.js';
import { parseIndexFile } from './index-file.js';
import { indexProgress } from './index-progress.js';
import { beginLoad, type LoadEvent, loadProgress, loadRecord, moveLoad, parseLoad } from './load.js';
import { movePartition, partitionsOf } from './partition.js';
import {
  type FlushedSegment,
  moveSegment,
  parseFlushedSegment,
  parseSegment,
  type Segment,
  type SegmentEvent,
  segmentRecord,
} from './segment.js';

/** Values of one seed, with the edges of their types among them. */
class Values {
  readonly #random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  below(end: number): number {
    return Math.floor(nextFloat(this.#random) * end);
  }

  one<T>(...options: readonly [T, ...T[]]): T {
    return options[this.below(options.length)] ?? options[0];
  }

  some<T>(make: () => T): T[] {
    return Array.from({ length: this.below(4) }, make);
  }

  uint(): bigint {
    return this.one(0n, 1n, 2n ** 63n - 1n, 2n ** 64n - 1n, BigInt(this.below(2 ** 31)));
  }

  int(): bigint {
    return this.one(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(this.below(2 ** 31)));
  }

  text(): string {
    return this.one('', 'a', 'ü\0𝄞', `name_${this.below(1000)}`);
  }

  schema(): CollectionSchema | undefined {
    return this.one(
      undefined,
      CollectionSchema.fromPartial({ name: this.text(), fields: [{ name: 'id', dataType: DataType.Int64 }] }),
    );
  }

  file(): FileRecord {
    return {
      key: this.text(),
      bytes: this.int(),
      crc32: this.below(2 ** 32),
      fieldIds: this.some(() => this.int()),
      rowCount: this.int(),
    };
  }

  indexFile(): IndexFileRecord {
    return {
      indexId: this.int(),
      buildId: this.int(),
      fieldId: this.int(),
      indexType: this.text(),
      metricType: this.text(),
      key: this.text(),
      bytes: this.int(),
      rowCount: this.int(),
      state: this.one('finished', 'failed'),
      failReason: this.text(),
      builtAs: this.text(),
    };
  }

  partition(): PartitionRecord {
    return { id: this.int(), name: this.text(), createdTimestamp: this.uint() };
  }

  segment(state: Segment['state']): Segment {
    const facts = {
      id: this.int(),
      collectionId: this.int(),
      partitionId: this.int(),
      vchannel: this.text(),
      rowCount: this.int(),
      files: this.some(() => this.file()),
      timestampFrom: this.uint(),
      timestampTo: this.uint(),
      manifestKey: this.text(),
      isLevelZero: this.one(true, false),
      ...{ compactedFrom: this.some(() => this.int()), compactedTo: this.some(() => this.int()) },
      ...{ droppedTimestamp: this.uint(), deletesAppliedUntil: this.uint() },
      readableFrom: this.uint(),
    };
    if (state === 'importing') return { ...facts, state };
    const indexes = this.some(() => parseIndexFile(this.indexFile()));
    return { ...facts, state, commitTimestamp: this.uint(), indexes };
  }

  flushed(): FlushedSegment {
    return parseFlushedSegment(segmentRecord(this.segment('flushed')));
  }

  channel(state: Channel['state']): Channel {
    const facts = {
      vchannel: this.text(),
      collectionId: this.int(),
      schema: this.schema(),
      epoch: this.uint(),
      checkpointLsn: this.uint(),
      checkpointTimestamp: this.uint(),
      createTimestamp: this.uint(),
      ...{ droppedPartitionIds: this.some(() => this.int()), readableFrom: this.uint() },
    };
    return state === 'unowned'
      ? { ...facts, state }
      : { ...facts, state, ownerServerId: this.one(1n, -1n, 77n) };
  }

  collection(state: Collection['state']): Collection {
    return {
      id: this.int(),
      database: this.text(),
      schema: this.schema(),
      partitions: this.some(() => this.partition()),
      vchannels: this.some(() => this.text()),
      consistencyLevel: this.below(5),
      createdTimestamp: this.uint(),
      updateTimestamp: this.uint(),
      properties: { [this.text()]: this.text() },
      indexes: this.some(() => ({
        id: this.int(),
        name: this.text(),
        fieldId: this.int(),
        indexType: this.text(),
        metricType: this.text(),
        params: { a: this.text() },
      })),
      aliases: this.some(() => this.text()),
      state,
      partitionKeyCount: this.below(65),
      droppingPartitions: this.some(() => this.partition()),
      lastFieldId: this.int(),
      schemaTimestamp: this.uint(),
      lateOutputIds: this.some(() => this.int()),
    };
  }

  job(state: ImportJob['state']): ImportJob {
    const task = {
      ...{ id: this.int(), collectionId: this.int(), partitionId: this.int() },
      ...{ collectionName: this.text(), partitionName: this.text() },
      files: this.some(() => this.text()),
      createTimestamp: this.uint(),
      vchannels: this.some(() => this.text()),
      schema: this.schema(),
      ...{ partitionIds: [this.int()], idempotencyKey: this.text() },
      ...{ tasks: [ImportTaskRecord.create()], options: [{ key: this.text(), value: this.text() }] },
    };
    switch (state) {
      case 'pending':
      case 'importing':
      case 'uncommitted':
        return { ...task, state };
      case 'committing':
        return { ...task, state, segments: this.some(() => this.flushed()), importedRows: this.int() };
      case 'completed':
        return { ...task, state, importedRows: this.int(), endTimestamp: this.uint() };
      case 'failed':
        return { ...task, state, reason: this.text(), importedRows: this.int(), endTimestamp: this.uint() };
    }
  }
}

const segmentStates = ['importing', 'flushed', 'dropped'] as const;
const channelStates = ['unowned', 'owned'] as const;
const collectionStates = ['creating', 'created', 'dropping'] as const;
const jobStates = ['pending', 'importing', 'uncommitted', 'committing', 'completed', 'failed'] as const;
const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

describe('what is written is read back as it was', () => {
  const bytesOf = (message: { finish(): Uint8Array }): Uint8Array => message.finish();
  test.each(segmentStates)('segment: %s', (state) => {
    for (const seed of SEEDS) {
      const segment = new Values(seed).segment(state);
      const bytes = bytesOf(SegmentRecord.encode(segmentRecord(segment)));
      const read = parseSegment(SegmentRecord.decode(bytes));
      expect(read).toEqual(segment);
      expect(bytesOf(SegmentRecord.encode(segmentRecord(read)))).toEqual(bytes);
    }
  });
  test.each(channelStates)('channel: %s', (state) => {
    for (const seed of SEEDS) {
      const channel = new Values(seed).channel(state);
      const bytes = bytesOf(ChannelRecord.encode(channelRecord(channel)));
      const read = parseChannel(ChannelRecord.decode(bytes));
      expect(read).toEqual(channel);
      expect(bytesOf(ChannelRecord.encode(channelRecord(read)))).toEqual(bytes);
    }
  });
  test.each(collectionStates)('collection: %s', (state) => {
    for (const seed of SEEDS) {
      const collection = new Values(seed).collection(state);
      const bytes = bytesOf(CollectionRecord.encode(collection));
      const read = parseCollection(CollectionRecord.decode(bytes));
      expect(read).toEqual(collection);
      expect(bytesOf(CollectionRecord.encode(read))).toEqual(bytes);
    }
  });
  test.each(jobStates)('import job: %s', (state) => {
    for (const seed of SEEDS) {
      const job = new Values(seed).job(state);
      const bytes = bytesOf(ImportJobRecord.encode(importJobRecord(job)));
      const read = parseImportJob(ImportJobRecord.decode(bytes));
      expect(read).toEqual(job);
      expect(bytesOf(ImportJobRecord.encode(importJobRecord(read)))).toEqual(bytes);
    }
  });
});

describe('a state that this release does not have', () => {
  test.each([
    ['segment 7', () => parseSegment(SegmentRecord.fromPartial({ id: 7n, state: 'compacting' }))],
    ['index 7', () => parseIndexFile({ ...new Values(1).indexFile(), indexId: 7n, state: 'compacting' })],
    ['(7)', () => parseCollection(CollectionRecord.fromPartial({ id: 7n, state: 'compacting' }))],
    ['import job 7', () => parseImportJob(ImportJobRecord.fromPartial({ id: 7n, state: 'compacting' }))],
  ])('is named: %s', (what, parse) => {
    expect(parse).toThrow(expect.objectContaining({ key: 'unsupported' }));
    expect(parse).toThrow(what);
    expect(parse).toThrow('"compacting"');
  });
  test('none at all is damage', () => {
    expect(() => parseSegment(SegmentRecord.fromPartial({ id: 7n }))).toThrow(
      expect.objectContaining({ key: 'data_corrupt' }),
    );
  });
});

describe('each move that is drawn, and no other', () => {
  const refused = expect.objectContaining({ key: 'internal' });
  const values = new Values(3);
  const segmentEvents: readonly SegmentEvent[] = [
    { kind: 'commit', at: 9n },
    { kind: 'indexed', file: values.indexFile() },
    { kind: 'index_dropped', indexId: 4n },
    { kind: 'deletes_applied', until: 9n, file: undefined },
  ];
  test.each(segmentStates.flatMap((state) => segmentEvents.map((event) => [state, event] as const)))(
    'segment: %s, %o',
    (state, event) => {
      const from = values.segment(state);
      const isDrawn = state === (event.kind === 'commit' ? 'importing' : 'flushed');
      if (isDrawn) expect(moveSegment(from, event).state).toBe('flushed');
      else expect(() => moveSegment(from, event)).toThrow(refused);
    },
  );
  test('segment: a file takes the place of an older one of its index', () => {
    const file = { ...values.indexFile(), indexId: 4n };
    const bare: FlushedSegment = { ...values.flushed(), indexes: [] };
    const indexed = moveSegment(moveSegment(bare, { kind: 'indexed', file }), {
      kind: 'indexed',
      file: { ...file, key: 'newer' },
    });
    expect(indexed.indexes.map(({ key }) => key)).toEqual(['newer']);
    expect(moveSegment(indexed, { kind: 'index_dropped', indexId: 4n }).indexes).toEqual([]);
  });
  const jobEvents: readonly ImportJobEvent[] = [
    { kind: 'begin', tasks: [] },
    { kind: 'wait' },
    { kind: 'commit', segments: [], importedRows: 5n },
    { kind: 'complete', at: 9n },
    { kind: 'fail', reason: 'no', at: 9n },
  ];
  const drawn: Readonly<Record<string, string>> = {
    ...{ 'pending begin': 'importing', 'importing begin': 'importing', 'importing wait': 'uncommitted' },
    ...{ 'importing commit': 'committing', 'uncommitted commit': 'committing' },
    ...{ 'committing complete': 'completed', 'pending fail': 'failed', 'importing fail': 'failed' },
    ...{ 'uncommitted fail': 'failed', 'committing fail': 'failed' },
  };
  test.each(jobStates.flatMap((state) => jobEvents.map((event) => [state, event] as const)))(
    'import job: %s, %o',
    (state, event) => {
      const from = values.job(state);
      const to = drawn[`${state} ${event.kind}`];
      if (to === undefined) expect(() => moveImportJob(from, event)).toThrow(refused);
      else expect(moveImportJob(from, event).state).toBe(to);
      expect(isLiveJob(from)).toBe(state !== 'completed' && state !== 'failed');
    },
  );
  test('collection', () => {
    for (const state of collectionStates) {
      const from = values.collection(state);
      expect(moveCollection(from, 'drop').state).toBe('dropping');
      if (state === 'creating') expect(moveCollection(from, 'channels_watched').state).toBe('created');
      else expect(() => moveCollection(from, 'channels_watched')).toThrow(refused);
    }
  });
  test('partition', () => {
    const partition = { id: 5n, name: 'p', createdTimestamp: 1n };
    const from = { ...values.collection('created'), partitions: [partition], droppingPartitions: [] };
    const dropping = movePartition(from, 5n, 'drop');
    expect(partitionsOf(dropping)).toEqual([{ ...partition, state: 'dropping' }]);
    expect(dropping.droppingPartitions).toEqual([partition]);
    expect(() => movePartition(dropping, 5n, 'drop')).toThrow(refused);
    expect(() => movePartition(from, 5n, 'cleared')).toThrow(refused);
    const cleared = movePartition(dropping, 5n, 'cleared');
    expect(partitionsOf(cleared)).toEqual([]);
    expect(movePartition(cleared, 5n, 'cleared')).toEqual(cleared);
  });
  test('channel: epoch and checkpoint never fall', () => {
    const from = { ...values.channel('unowned'), epoch: 4n, checkpointLsn: 10n, checkpointTimestamp: 20n };
    const owned = moveChannel(from, { kind: 'acquire', serverId: 8n, epoch: 5n });
    expect(owned).toMatchObject({ state: 'owned', ownerServerId: 8n, epoch: 5n, droppedPartitionIds: [] });
    expect(() => moveChannel(owned, { kind: 'acquire', serverId: 9n, epoch: 4n })).toThrow(
      expect.objectContaining({ key: 'channel_moved' }),
    );
    const late = moveChannel(owned, { kind: 'checkpoint', lsn: 9n, timestamp: 30n });
    expect(late).toMatchObject({ checkpointLsn: 10n, checkpointTimestamp: 30n });
    const dropped = moveChannel(owned, { kind: 'drop_partition', partitionId: 3n });
    expect(dropped.droppedPartitionIds).toEqual([3n]);
    expect(moveChannel(dropped, { kind: 'drop_partition', partitionId: 3n })).toBe(dropped);
  });
  test('index', () => {
    const failure = { segmentId: 1n, reason: 'no', isFinal: false };
    expect(indexProgress(0n, { ...failure, isFinal: true }).state).toBe('finished');
    expect(indexProgress(1n, failure).state).toBe('building');
    expect(indexProgress(1n, undefined).state).toBe('building');
    expect(indexProgress(1n, { ...failure, isFinal: true }).state).toBe('failed');
  });
});

describe('a load', () => {
  const resourceGroup = '__default_resource_group';
  const definition = {
    ...{ collectionId: 7n, resourceGroup, leftOut: [5n] },
    scope: { kind: 'partitions', partitionIds: [3n, 4n] },
  } as const;
  const failure = { cause: 'memory', reason: 'too large' } as const;
  const moved = (...events: LoadEvent[]) => events.reduce(moveLoad, beginLoad(definition));

  test('is read as it was written, and one that names no partition is damage', () => {
    const whole = { collectionId: 7n, scope: { kind: 'collection' }, resourceGroup, leftOut: [] } as const;
    for (const one of [definition, whole, { ...whole, resourceGroup: 'analytics' }])
      expect(parseLoad(LoadRecord.decode(LoadRecord.encode(loadRecord(one)).finish()))).toEqual(one);
    expect(() => parseLoad(LoadRecord.fromPartial({ collectionId: 7n }))).toThrow(/names no partition/);
  });

  test('is loaded once a round served it, and stays so when a later one fails', () => {
    expect(loadProgress(moved())).toBe(0);
    expect(loadProgress(moved({ kind: 'round_failed', failure }))).toBe(0);
    expect(moved({ kind: 'round_failed', failure }, { kind: 'served' })).toEqual({
      ...definition,
      state: 'loaded',
      failure: undefined,
    });
    const later = moved({ kind: 'served' }, { kind: 'round_failed', failure });
    expect([loadProgress(later), later.failure]).toEqual([100, failure]);
  });

  test('begins again with more partitions, and goes on with fewer', () => {
    const fewer = { ...definition, scope: { kind: 'partitions', partitionIds: [3n] } } as const;
    const whole = { collectionId: 7n, scope: { kind: 'collection' }, resourceGroup, leftOut: [] } as const;
    expect(loadProgress(moved({ kind: 'served' }, { kind: 'widened', to: whole }))).toBe(0);
    expect(moved({ kind: 'served' }, { kind: 'narrowed', to: fewer })).toMatchObject({
      ...fewer,
      state: 'loaded',
    });
    expect(moved({ kind: 'narrowed', to: fewer })).toMatchObject({ ...fewer, state: 'loading' });
  });
});
