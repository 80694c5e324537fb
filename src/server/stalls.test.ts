// What operations wait for when something is really away: a process that was killed, one that does not answer, a disk that is full.
import { expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import {
  type MemoryPlatform,
  openMemoryPlatform,
  simulatedCluster,
} from '#platform/memory/memory-platform.js';
import { MemoryTransport } from '#platform/memory/memory-transport.js';
import type { ObjectStore } from '#platform/object-store.js';
import { OperationsDefinition } from '#proto/elanus/roles.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { type RoleName, roleNames } from '#rpc/role-names.js';
import { remoteClient, type ServiceDefinition } from '#rpc/service.js';
import { longs, vectors } from '../../test/support/field-data.js';
import { type Config, defaultConfig } from './config.js';
import { startNode } from './node.js';

const coordinators: readonly RoleName[] = ['root-coord', 'data-coord', 'query-coord'];
const processes = {
  coord: coordinators,
  front: ['proxy'],
  stream: ['streaming-node'],
  query: ['query-node'],
  data: ['data-node'],
} as const satisfies Record<string, readonly RoleName[]>;

const configOf = (host: string, roles: readonly RoleName[]): Config => ({
  ...defaultConfig,
  ...{
    roles: roleNames.filter((role) => roles.includes(role)),
    host,
    internalHost: host,
    internalPort: 7000,
    autoCompaction: false,
    indexRowsMin: 4,
  },
  sessions: { ttlMs: 2400, exclusiveRoles: [...coordinators, 'streaming-node'] },
});

async function open() {
  const cluster = simulatedCluster(31);
  const { world, network } = cluster;
  const disk = { isFull: false };
  const platforms = new Map<string, MemoryPlatform>();
  const nodes = new Map<string, Awaited<ReturnType<typeof startNode>>>();
  const start = (host: string, roles: readonly RoleName[]) => {
    // A process that comes again finds its disk as it left it.
    const { disk: itsDisk } = platforms.get(host) ?? {};
    const platform = openMemoryPlatform({ cluster, host, ...(itsDisk && { disk: itsDisk }) });
    platforms.set(host, platform);
    const { objectStore } = platform;
    const put: ObjectStore['put'] = async (...args) => {
      if (disk.isFull) throw new ElanusError('io_failed', `put ${args[0]}: no space left on device`);
      return objectStore.put(...args);
    };
    const shown = { ...platform, objectStore: { ...allOf(objectStore), put } };
    return startNode(shown, configOf(host, roles)).then((node) => nodes.set(host, node));
  };
  await world.runUntil(Promise.all(Object.entries(processes).map(([host, roles]) => start(host, roles))));
  const connection = new MemoryTransport(network, 'client').connect('front:19530');
  const client = <D extends ServiceDefinition>(definition: D) =>
    remoteClient(definition, (path, request, context) =>
      connection.call(path, request, { ...context, deadlineMs: world.clock.now() + 60_000 }),
    );
  const operations = client(OperationsDefinition);
  const milvus = client(MilvusServiceDefinition);
  const run = <T>(call: Promise<T>): Promise<T> => world.runUntil(call);
  await run(milvus.createCollection({ collectionName: 'c', schema }));
  return {
    ...{ cluster, world, network, disk, milvus, run, start },
    crash: (host: string) => platforms.get(host)?.crash(),
    /** Ends a process cleanly. @returns what it logged meanwhile that is no everyday matter */
    end: async (host: string) => {
      const records = platforms.get(host)?.logger.records ?? [];
      const before = records.length;
      await run(nodes.get(host)?.close({ flush: true }) ?? Promise.resolve());
      return records.slice(before).filter(({ level }) => level === 'warn' || level === 'error');
    },
    /** Begins a call, and looks what its operation waits for some seconds later. */
    stalled: async (kind: string, call: Promise<unknown>) => {
      const beganMs = world.clock.now();
      call.catch(() => {}); // It may outlive what it waits for.
      await world.advance(5000);
      const { operations: found } = await run(operations.explainOperations({ kind, collectionName: 'c' }));
      for (const { sinceMs } of found) {
        expect(Number(sinceMs)).toBeGreaterThanOrEqual(beganMs);
        expect(Number(sinceMs)).toBeLessThanOrEqual(world.clock.now());
      }
      return found.map(({ state, waitsFor }) => [state, waitsFor]);
    },
    explain: async (kind: string) =>
      (await run(operations.explainOperations({ kind, collectionName: 'c' }))).operations,
  };
}

const allOf = (store: ObjectStore): ObjectStore => ({
  put: (key, parts, options) => store.put(key, parts, options),
  get: (key) => store.get(key),
  getRange: (key, begin, end) => store.getRange(key, begin, end),
  readInto: (key, begin, parts) => store.readInto(key, begin, parts),
  openRead: (key) => store.openRead(key),
  size: (key) => store.size(key),
  list: (prefix) => store.list(prefix),
  remove: (key) => store.remove(key),
});

const DIM = 2;
const schema = CollectionSchema.encode(
  CollectionSchema.fromPartial({
    name: 'c',
    fields: [
      { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      { name: 'vec', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: String(DIM) }] },
    ],
  }),
).finish();

function rows(first: number) {
  const keys = Array.from({ length: 10 }, (_, at) => BigInt(first + at));
  const values = Array.from({ length: 10 * DIM }, (_, at) => at);
  return { collectionName: 'c', numRows: 10, fieldsData: [longs('id', keys), vectors(values)] };
}

const flat = Object.entries({ index_type: 'FLAT', metric_type: 'L2' });
const index = {
  ...{ collectionName: 'c', fieldName: 'vec' },
  extraParams: flat.map(([key, value]) => ({ key, value })),
};

/** What waits for the data-node of the cluster, which is cut off. */
const unanswered = (task: string): RegExp =>
  new RegExp(`^data-node \\d+ at data:7000 ${task}; it has not answered for \\d+ ms \\(.+\\)$`);

test('a flush names the disk that is full, and the streaming-node that does not answer', async () => {
  const { milvus, run, stalled, explain, disk, world, crash } = await open();
  await run(milvus.insert(rows(0)));
  disk.isFull = true;
  const flush = (): Promise<unknown> => milvus.flush({ collectionNames: ['c'] });
  expect(await stalled('flush', flush())).toEqual([
    [
      'writing',
      expect.stringMatching(
        /^streaming-node \d+ to write the rows of channel \S+ to files; the last try failed: .*no space left/,
      ),
    ],
  ]);
  disk.isFull = false;
  await world.advance(60_000);
  expect(await explain('flush')).toEqual([]);
  await run(milvus.insert(rows(10)));
  crash('stream');
  expect(await stalled('flush', flush())).toEqual([
    ['sealing', expect.stringMatching(/^streaming-node \d+ to seal channel \S+; it does not answer: /)],
  ]);
});

test('an index, a merge and an import name the data-node that does not answer, and go on when it does', async () => {
  const { milvus, run, stalled, explain, network, world, cluster } = await open();
  for (const first of [0, 10]) {
    await run(milvus.insert(rows(first)));
    await run(milvus.flush({ collectionNames: ['c'] }));
  }
  await run(cluster.objectStore.put('in/a.json', [new TextEncoder().encode('{"id":100,"vec":[1,2]}')]));
  network.cut('coord', 'data');
  expect(await stalled('index', milvus.createIndex(index))).toEqual([
    ['building', expect.stringMatching(unanswered('to build it over 10 rows'))],
    ['waiting', expect.stringMatching(/^its turn, after the build for segment \d+$/)],
  ]);
  expect(await stalled('compaction', milvus.manualCompaction({ collectionName: 'c' }))).toEqual([
    ['running', expect.stringMatching(unanswered('to merge segments \\d+, \\d+ of channel \\S+'))],
  ]);
  expect(await stalled('import', milvus.import({ collectionName: 'c', files: ['in/a.json'] }))).toEqual([
    ['importing', expect.stringMatching(unanswered('to read in/a\\.json \\(task 1 of 1\\)'))],
  ]);
  // Each says why the last try failed, and is there once.
  await world.advance(90_000);
  const [merge, ...others] = await explain('compaction');
  expect(others).toEqual([]);
  expect(merge?.waitsFor).toMatch(
    /^data-node \d+ at data:7000 to merge|^the next try at .*data-node at data:7000/,
  );
  expect((await explain('index')).map(({ waitsFor }) => waitsFor)).toContainEqual(
    expect.stringContaining('the last failed: call to data-node at data:7000'),
  );
  network.heal('coord', 'data');
  await world.advance(120_000);
  for (const kind of ['index', 'compaction', 'import'])
    expect([kind, await explain(kind)]).toEqual([kind, []]);
});

test('a load names the query-node that says whether it fits, while there is none', async () => {
  const { milvus, run, stalled, crash } = await open();
  await run(milvus.insert(rows(0)));
  await run(milvus.flush({ collectionNames: ['c'] }));
  await run(milvus.createIndex(index));
  crash('query');
  expect(await stalled('load', milvus.loadCollection({ collectionName: 'c' }))).toEqual([
    ['asked', 'a query-node to say whether it fits into its memory'],
  ]);
});

test('a drop of a partition waits for no streaming-node that is away, and the one that comes has none of its rows', async () => {
  const { milvus, run, crash, world, start } = await open();
  const partition = { collectionName: 'c', partitionName: 'p' };
  await run(milvus.createPartition(partition));
  await run(milvus.createPartition({ ...partition, partitionName: 'q' }));
  await run(milvus.insert(rows(0)));
  await run(milvus.insert({ ...rows(10), partitionName: 'p' }));
  await run(milvus.insert({ ...rows(20), partitionName: 'q' }));
  crash('stream');
  const took = async (partitionName: string): Promise<number> => {
    const beganMs = world.now;
    await run(milvus.dropPartition({ ...partition, partitionName }));
    return world.now - beganMs;
  };
  // Once its session is over, and from then on at once.
  expect(await took('p')).toBeLessThan(6000);
  expect(await took('q')).toBeLessThan(100);
  await run(start('stream', ['streaming-node']));
  await run(milvus.createIndex(index));
  await run(milvus.loadCollection({ collectionName: 'c' }));
  const { fieldsData } = await run(milvus.query({ collectionName: 'c', outputFields: ['count(*)'] }));
  expect(fieldsData).toMatchObject([longs('count(*)', [10n])]);
});

test('a dropped collection gives its files back with no streaming-node there, and the one that comes has nothing of it', async () => {
  const { milvus, run, crash, cluster, world, start } = await open();
  await run(milvus.insert(rows(0)));
  await run(milvus.flush({ collectionNames: ['c'] }));
  const { objectStore } = openMemoryPlatform({ cluster, host: 'tool' });
  const files = () => run(objectStore.list('insert_log/'));
  expect((await files()).length).toBeGreaterThan(0);
  crash('stream');
  await run(milvus.dropCollection({ collectionName: 'c' }));
  // The session of the one that died is waited for, no longer.
  await world.advance(6000);
  expect(await files()).toEqual([]);
  await run(start('stream', ['streaming-node']));
  await run(milvus.createCollection({ collectionName: 'c', schema }));
  await run(milvus.createIndex(index));
  await run(milvus.loadCollection({ collectionName: 'c' }));
  const { fieldsData } = await run(milvus.query({ collectionName: 'c', outputFields: ['count(*)'] }));
  expect(fieldsData).toMatchObject([longs('count(*)', [0n])]);
});

test('a streaming-node whose coordinator is gone ends at once and quietly, and its rows are there when both are back', async () => {
  const { milvus, run, crash, world, start, end } = await open();
  await run(milvus.createIndex(index));
  await run(milvus.insert(rows(0)));
  crash('coord');
  await world.advance(6000);
  const beganMs = world.now;
  expect(await end('stream')).toEqual([]);
  expect(world.now - beganMs).toBeLessThan(500);
  await run(Promise.all([start('coord', coordinators), start('stream', ['streaming-node'])]));
  await run(milvus.loadCollection({ collectionName: 'c' }));
  const { fieldsData } = await run(milvus.query({ collectionName: 'c', outputFields: ['count(*)'] }));
  expect(fieldsData).toMatchObject([longs('count(*)', [10n])]);
});
