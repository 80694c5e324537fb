// One record of each kind of the catalog and each of its states, as the catalogs write them, and the keys that they keep them under. The
// golden files in `catalog/` hold the bytes of these; imports by `#` name alone, as in formats.ts.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { idKey, type RecordType } from '#catalog/record-table.js';
import { DataType } from '#model/schema/data-type.js';
import { loadLmdb } from '#platform/node/files/lmdb-load.js';
import { LmdbMetaStore } from '#platform/node/files/lmdb-meta-store.js';
import {
  ChannelRecord,
  CollectionRecord,
  CompactionRecord,
  DatabaseRecord,
  EpochRecord,
  FileResourceRecord,
  ImportJobRecord,
  LoadRecord,
  OrphansRecord,
  ReceiptRecord,
  ResourceGroupRecord,
  SegmentRecord,
  UsersRecord,
} from '#proto/elanus/data.js';
import { CollectionSchema } from '#proto/milvus/schema.js';

interface Message<T> extends RecordType<T> {
  fromPartial(partial: object): T;
}

const kept = <T>(key: string, type: Message<T>, partial: object) => ({
  key,
  value: Uint8Array.from(type.encode(type.fromPartial(partial)).finish()),
});

const schema = CollectionSchema.fromPartial({
  name: 'golden',
  description: 'pinned',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '2' }] },
  ],
});
const vchannel = 'by-dev-rootcoord-dml_0_2v0';
const collection = {
  ...{ id: 2n, database: 'default', schema, shardCount: 1, consistencyLevel: 2, createdTimestamp: 1n << 40n },
  vchannels: [vchannel],
  partitions: [{ id: 3n, name: '_default', createdTimestamp: 1n << 40n }],
  properties: { timezone: 'UTC' },
  indexes: [
    {
      ...{ id: 7n, name: 'v_index', fieldId: 101n, indexType: 'HNSW', metricType: 'L2' },
      params: { index_type: 'HNSW' },
    },
  ],
};
const files = [
  { key: 'insert_log/2/3/11/0/1', bytes: 9n, crc32: 4_000_000_000, fieldIds: [0n, 1n, 100n], rowCount: 3n },
  { key: 'delta_log/2/3/11/2', bytes: 8n, crc32: 1, rowCount: 1n },
];
const indexFile = {
  ...{
    indexId: 7n,
    buildId: 13n,
    fieldId: 101n,
    indexType: 'HNSW',
    metricType: 'L2',
    bytes: 64n,
    rowCount: 3n,
  },
  ...{ key: 'index_files/13/1/3/11/HNSW', state: 'finished', builtAs: 'HNSW M=16 efConstruction=200' },
};
const segment = {
  ...{ id: 11n, collectionId: 2n, partitionId: 3n, vchannel, state: 'flushed', rowCount: 3n, files },
  ...{ timestampFrom: 5n, timestampTo: 6n, manifestKey: 'manifest/2/3/11.json', indexes: [indexFile] },
};
const channel = {
  ...{ vchannel, collectionId: 2n, schema, epoch: 4n, checkpointLsn: 21n, checkpointTimestamp: 22n },
  createTimestamp: 1n << 40n,
};
const job = {
  ...{ collectionId: 2n, collectionName: 'golden', partitionId: 3n, partitionName: '_default', schema },
  ...{ files: ['import/a.json'], createTimestamp: 1n << 41n, vchannels: [vchannel] },
};
const jobs = {
  pending: {},
  importing: { progress: 10n },
  committing: {
    segments: [{ ...segment, commitTimestamp: 31n, indexes: [] }],
    importedRows: 3n,
    progress: 90n,
  },
  completed: { importedRows: 3n, progress: 100n },
  failed: { reason: 'import/a.json: row 2: no field "id"', importedRows: 3n },
};
const groups = [
  { paths: ['import/a.json'], bytes: 300n, rowCount: 3n },
  { paths: ['import/id.npy', 'import/v.npy'], bytes: 90n, rowCount: 2n },
];
const written = { ...segment, state: 'importing', indexes: [] };
const doneTask = { groups, isDone: true, segments: [written], rowCount: 5n };
const order = {
  ...{ partitionIds: [3n, 4n], idempotencyKey: 'load-1' },
  options: [{ key: 'timeout', value: '300s' }],
};
/** Jobs with a journal. */
const journals = {
  importing: {
    ...order,
    tasks: [doneTask, { groups: [{ paths: ['import/b.csv'], bytes: 7n }] }],
    progress: 88n,
  },
  uncommitted: {
    ...{ ...order, tasks: [doneTask], progress: 99n },
    options: [{ key: 'auto_commit', value: 'false' }],
  },
  completed: {
    ...{ ...order, importedRows: 5n, progress: 100n, endTimestamp: 1n << 42n },
    tasks: [{ ...doneTask, segments: [] }],
  },
  failed: {
    ...{ ...order, reason: 'file "import/b.csv" row 2: no field "id"', endTimestamp: 1n << 42n },
    tasks: [
      {
        groups: [{ paths: ['import/b.csv'], bytes: 7n, reason: 'file "import/b.csv" row 2: no field "id"' }],
      },
    ],
  },
};
const asked = {
  ...{ collectionId: 2n, partitionId: 3n, vchannel, segmentIds: [11n, 12n, 13n], targetBytes: 1n << 30n },
  createTimestamp: 1n << 42n,
};
const [planA, planB] = [{ sources: [11n, 12n] }, { sources: [13n] }];
/** Compactions that clients asked for. */
const compactions = {
  waiting: { ...asked, major: true, plans: [{ ...planA, state: 'waiting' }] },
  running: {
    ...asked,
    plans: [
      { ...planA, state: 'done', targets: [21n] },
      { ...planB, state: 'waiting' },
    ],
  },
  ended: {
    ...{ collectionId: 2n, deletesOnly: true, createTimestamp: 1n << 42n },
    plans: [
      { ...planA, state: 'done' },
      { ...planB, state: 'failed', reason: 'segment 13 is gone' },
    ],
  },
};
/** A bound as the clock keeps it: nanoseconds, eight bytes, the highest first. */
const bound = (key: string, nanoseconds: bigint) => {
  const value = new Uint8Array(8);
  new DataView(value.buffer).setBigUint64(0, nanoseconds);
  return { key, value };
};
/** By the name that the golden file bears behind `v1.`. */
export const catalogRecords: Readonly<Record<string, { readonly key: string; readonly value: Uint8Array }>> =
  {
    clock: bound('kv/tso/timestamp', 1_700_000_000_123_000_000n),
    ids: bound('kv/gid/idTimestamp', 1_700_000_000_456_000_000n),
    database: kept(`root-coord/database/db-info/${idKey(1n)}`, DatabaseRecord, {
      ...{ id: 1n, name: 'default', createdTimestamp: 1n << 39n, properties: { timezone: 'UTC' } },
    }),
    'file-resource': kept(`root-coord/file-resource/${idKey(5n)}`, FileResourceRecord, {
      ...{ id: 5n, name: 'stops', path: 'words/stops.txt' },
      content: new TextEncoder().encode('the\na\n'),
    }),
    users: kept('root-coord/users/all', UsersRecord, {
      users: [
        { name: 'root', passwordHash: '' },
        {
          ...{ name: 'reader', description: 'reads', createdTimestamp: 1n << 40n },
          passwordHash: '$2b$10$abcdefghijklmnopqrstuuGJ3bd0WXvbLHpRN4JBRvCJZqFTzvG2W',
        },
      ],
      roles: [
        { name: 'admin' },
        {
          ...{ name: 'readers', description: 'read', users: ['reader'] },
          grants: [
            {
              ...{ objectType: 'Collection', objectName: 'golden', database: 'default' },
              ...{ privilege: 'reading', grantor: 'root' },
            },
          ],
        },
      ],
      groups: [{ name: 'reading', privileges: ['Search', 'Query'] }],
    }),
    'collection-creating': kept(`root-coord/collection/${idKey(1n)}`, CollectionRecord, {
      ...{ ...collection, id: 1n, state: 'creating' },
    }),
    'collection-created': kept(`root-coord/collection/${idKey(2n)}`, CollectionRecord, {
      ...{ ...collection, state: 'created', aliases: ['other'], partitionKeyCount: 16 },
      droppingPartitions: [{ id: 5n, name: 'gone', createdTimestamp: 1n << 41n }],
    }),
    'collection-changed': kept(`root-coord/collection/${idKey(17n)}`, CollectionRecord, {
      ...{ ...collection, id: 17n, state: 'created', database: 'other' },
      ...{ lastFieldId: 110n, schemaTimestamp: 1n << 41n },
    }),
    'collection-dropping': kept(`root-coord/collection/${idKey(4n)}`, CollectionRecord, {
      ...{ ...collection, id: 4n, state: 'dropping' },
    }),
    'segment-flushed': kept(`datacoord-meta/s/${idKey(11n)}`, SegmentRecord, segment),
    'segment-imported': kept(`datacoord-meta/s/${idKey(12n)}`, SegmentRecord, {
      ...{ ...segment, id: 12n, commitTimestamp: 31n },
      indexes: [{ ...indexFile, state: 'failed', failReason: 'no memory', builtAs: '', key: '' }],
    }),
    'segment-deletes': kept(`datacoord-meta/s/${idKey(14n)}`, SegmentRecord, {
      ...{ ...segment, id: 14n, partitionId: -1n, isLevelZero: true, rowCount: 0n, indexes: [] },
      files: files.slice(1),
    }),
    'segment-dropped': kept(`datacoord-meta/s/${idKey(15n)}`, SegmentRecord, {
      ...{ ...segment, id: 15n, state: 'dropped' },
    }),
    'channel-owned': kept(`datacoord-meta/channel/${vchannel}`, ChannelRecord, {
      ...{ ...channel, ownerServerId: 9n, droppedPartitionIds: [5n] },
    }),
    'channel-unowned': kept('datacoord-meta/channel/by-dev-rootcoord-dml_1_2v1', ChannelRecord, {
      ...{ ...channel, vchannel: 'by-dev-rootcoord-dml_1_2v1' },
    }),
    epoch: kept('datacoord-meta/epoch/newest', EpochRecord, { epoch: 4n }),
    receipt: kept(`receipt/root-coord/${idKey(7n)}/${idKey(3n)}`, ReceiptRecord, {
      ...{ caller: 7n, number: 3n, method: 'renameCollection' },
    }),
    orphans: kept('datacoord-meta/orphans/removed', OrphansRecord, { removedBelow: 17n }),
    ...Object.fromEntries(
      Object.entries(jobs).map(([state, more], i) => {
        const id = 40n + BigInt(i);
        const key = `datacoord-meta/import-job/${idKey(id)}`;
        return [`import-job-${state}`, kept(key, ImportJobRecord, { ...job, id, state, ...more })];
      }),
    ),
    ...Object.fromEntries(
      Object.entries(journals).map(([state, more], i) => {
        const id = 50n + BigInt(i);
        const key = `datacoord-meta/import-job/${idKey(id)}`;
        return [`import-journal-${state}`, kept(key, ImportJobRecord, { ...job, id, state, ...more })];
      }),
    ),
    ...Object.fromEntries(
      Object.entries(compactions).map(([state, more], i) => {
        const id = 60n + BigInt(i);
        const key = `datacoord-meta/compaction/${idKey(id)}`;
        return [`compaction-${state}`, kept(key, CompactionRecord, { id, state, ...more })];
      }),
    ),
    'load-collection': kept(`querycoord-collection-loadinfo/${idKey(2n)}`, LoadRecord, {
      ...{ collectionId: 2n, allPartitions: true, replicaNumber: 1 },
    }),
    'load-in-group': kept(`querycoord-collection-loadinfo/${idKey(5n)}`, LoadRecord, {
      ...{ collectionId: 5n, allPartitions: true, replicaNumber: 1, resourceGroup: 'analytics' },
    }),
    'load-fields': kept(`querycoord-collection-loadinfo/${idKey(6n)}`, LoadRecord, {
      ...{ collectionId: 6n, allPartitions: true, replicaNumber: 1, leftOutFieldIds: [101n, 104n] },
    }),
    'resource-group': kept('querycoord-resource-group/analytics', ResourceGroupRecord, {
      ...{ name: 'analytics', created: 1n << 41n },
      config: {
        ...{ requests: { nodeNum: 1 }, limits: { nodeNum: 2 } },
        ...{ transferFrom: [{ resourceGroup: '__default_resource_group' }], transferTo: [] },
        nodeFilter: { nodeLabels: [{ key: 'zone', value: 'a' }] },
      },
    }),
    'load-partitions': kept(`querycoord-collection-loadinfo/${idKey(4n)}`, LoadRecord, {
      ...{ collectionId: 4n, partitionIds: [3n, 6n], replicaNumber: 1 },
    }),
  };

/** The file of the catalog after one transaction that wrote these records. */
export async function catalogFile(): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'elanus-golden-'));
  try {
    const store = new LmdbMetaStore(folder, await loadLmdb());
    const records = Object.values(catalogRecords);
    await store.transact(
      [],
      records.map(({ key, value }) => ({ kind: 'put', key, value })),
    );
    await store.close();
    return new Uint8Array(await readFile(join(folder, 'data.mdb')));
  } finally {
    await rm(folder, { recursive: true });
  }
}
