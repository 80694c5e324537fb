// The broker keeps its promises whatever DataCoord does: no hang, no untyped error, no success by default.
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { SegmentState } from '#proto/milvus/common.js';
import { DataCoordDefinition, SegmentInfo } from '#proto/milvus/data_coord.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { type Handlers, inProcessClient, remoteClient } from '#rpc/service.js';
import { createDataCoordBroker, type DataCoordBroker } from './data-coord-broker.js';

const DEADLINE_MS = 1000;
function brokerOf(handlers: Partial<Handlers<typeof DataCoordDefinition>>, signal?: AbortSignal) {
  const cluster = simulatedCluster(3);
  const platform = openMemoryPlatform({ cluster, host: 'root' });
  // Only the methods that a test calls.
  const client = inProcessClient(DataCoordDefinition, handlers as Handlers<typeof DataCoordDefinition>);
  const broker = createDataCoordBroker(client, platform, {
    deadlineMs: DEADLINE_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  return { broker, world: cluster.world };
}

type Call = (broker: DataCoordBroker, signal?: AbortSignal) => Promise<unknown>;
const schema = CollectionSchema.create({ name: 's' });
const calls: readonly (readonly [
  name: string,
  method: keyof (typeof DataCoordDefinition)['methods'],
  call: Call,
])[] = [
  [
    'getBinlogFilePaths',
    'getInsertBinlogPaths',
    (broker, signal) => broker.getBinlogFilePaths(1n, 100n, signal),
  ],
  ['getNumRows', 'getSegmentInfo', (broker, signal) => broker.getNumRows(1n, false, signal)],
  [
    'getFlushedSegments',
    'getFlushedSegments',
    (broker, signal) => broker.getFlushedSegments(1n, -1n, signal),
  ],
  [
    'watchChannels',
    'watchChannels',
    (broker, signal) => broker.watchChannels(1n, ['c'], { schema, createTimestamp: 1n }, signal),
  ],
  ['importData', 'import', (broker, signal) => broker.importData({}, signal)],
  ['flushOnCollection', 'flush', (broker, signal) => broker.flushOnCollection(1n, [], signal)],
];
const unavailable = (): ElanusError => new ElanusError('service_unavailable', 'gone');

describe.each(calls)('%s', (name, method, call) => {
  it('what the handler throws becomes a typed error that names the call', async () => {
    const { broker, world } = brokerOf({ [method]: async () => Promise.reject(new TypeError('boom')) });
    await expect(world.runUntil(call(broker))).rejects.toMatchObject({
      key: 'internal',
      message: expect.stringContaining('boom'),
    });
  });
  it('a handler that never answers ends at the deadline', async () => {
    const { broker, world } = brokerOf({ [method]: () => new Promise(() => {}) });
    const begin = world.now;
    await expect(world.runUntil(call(broker))).rejects.toMatchObject({
      key: 'deadline_exceeded',
      message: expect.stringContaining(`DataCoord.${name}`),
    });
    expect(world.now - begin).toBeGreaterThanOrEqual(DEADLINE_MS);
    expect(world.now - begin).toBeLessThan(DEADLINE_MS + 100);
    expect(world.pending).toBe(0);
  });
  it('a peer that breaks off is asked again, within the deadline', async () => {
    let asked = 0;
    const { broker, world } = brokerOf({
      [method]: async () => Promise.reject(++asked < 3 ? unavailable() : new ElanusError('refused', 'seen')),
    });
    await expect(world.runUntil(call(broker))).rejects.toMatchObject({ key: 'refused' });
    expect(asked).toBe(3);
    asked = Number.NEGATIVE_INFINITY;
    const begin = world.now;
    await expect(world.runUntil(call(broker))).rejects.toMatchObject({ key: 'service_unavailable' });
    expect(world.now - begin).toBeLessThan(DEADLINE_MS + 100);
  });
  it('other failures are not repeated', async () => {
    let asked = 0;
    const { broker, world } = brokerOf({
      [method]: async () => {
        asked++;
        throw new ElanusError('segment_not_found', 'no');
      },
    });
    await expect(world.runUntil(call(broker))).rejects.toMatchObject({ key: 'segment_not_found' });
    expect(asked).toBe(1);
  });
  it('ends with its caller, and with its owner', async () => {
    const owner = new AbortController();
    const { broker, world } = brokerOf({ [method]: () => new Promise(() => {}) }, owner.signal);
    const caller = new AbortController();
    const begin = world.now;
    const first = call(broker, caller.signal);
    caller.abort();
    await expect(world.runUntil(first)).rejects.toMatchObject({ key: 'cancelled' });
    const second = call(broker);
    owner.abort();
    // Whoever asked the owner is still there, and goes on to the next one.
    await expect(world.runUntil(second)).rejects.toMatchObject({ key: 'service_unavailable' });
    await expect(world.runUntil(call(broker))).rejects.toMatchObject({ key: 'service_unavailable' });
    expect(world.now - begin).toBeLessThan(10);
    expect(world.pending).toBe(0);
  });
  it('hands the deadline on', async () => {
    let deadline: number | undefined;
    const { broker, world } = brokerOf({
      [method]: async (_: never, context: { readonly deadlineMs?: number }) => {
        deadline = context.deadlineMs;
        throw new ElanusError('refused', 'enough');
      },
    });
    const end = world.now + DEADLINE_MS;
    await expect(world.runUntil(call(broker))).rejects.toThrow('enough');
    expect(deadline).toBe(end);
  });
});

describe('answers that must not pass for success', () => {
  it('an import without a worker', async () => {
    const { broker, world } = brokerOf({ import: async () => ({}) });
    await expect(world.runUntil(broker.importData({}))).rejects.toMatchObject({
      key: 'internal',
      message: expect.stringContaining('worker'),
    });
  });
  it('no descriptor, or two, for one segment', async () => {
    for (const infos of [[], [{ numOfRows: 1n }, { numOfRows: 2n }]]) {
      const { broker, world } = brokerOf({ getSegmentInfo: async () => ({ infos }) });
      await expect(world.runUntil(broker.getNumRows(1n, false))).rejects.toMatchObject({ key: 'internal' });
    }
  });
  it('rows of a segment that is not flushed', async () => {
    const infoIn = (state: SegmentState) =>
      brokerOf({ getSegmentInfo: async () => ({ infos: [{ state, numOfRows: 7n }] }) });
    for (const [state, isFromFlushedChannel, rows] of [
      [SegmentState.Growing, true, undefined],
      [SegmentState.Sealed, true, undefined],
      [SegmentState.Importing, true, undefined],
      [SegmentState.Flushing, false, undefined],
      [SegmentState.Flushing, true, 7n],
      [SegmentState.Flushed, false, 7n],
    ] as const) {
      const { broker, world } = infoIn(state);
      const call = world.runUntil(broker.getNumRows(1n, isFromFlushedChannel));
      if (rows === undefined) await expect(call).rejects.toMatchObject({ key: 'service_not_ready' });
      else expect(await call).toBe(rows);
    }
  });
  it('paths that do not pair with fields; a field twice is joined in order', async () => {
    const uneven = brokerOf({
      getInsertBinlogPaths: async () => ({ fieldIDs: [1n, 2n], paths: [{ values: ['a'] }] }),
    });
    await expect(uneven.world.runUntil(uneven.broker.getBinlogFilePaths(1n, 1n))).rejects.toMatchObject({
      key: 'internal',
    });
    const twice = brokerOf({
      getInsertBinlogPaths: async () => ({
        fieldIDs: [1n, 2n, 1n],
        paths: [{ values: ['a', 'b'] }, { values: ['x'] }, { values: ['c'] }],
      }),
    });
    expect(await twice.world.runUntil(twice.broker.getBinlogFilePaths(1n, 1n))).toEqual(['a', 'b', 'c']);
    await expect(twice.world.runUntil(twice.broker.getBinlogFilePaths(1n, 3n))).rejects.toMatchObject({
      key: 'object_not_found',
    });
  });
});

it('fields of a newer DataCoord are left out: what is known of a segment is read', async () => {
  const cluster = simulatedCluster(3);
  const platform = openMemoryPlatform({ cluster, host: 'root' });
  const known = { ID: 1n, numOfRows: 7n, state: SegmentState.Flushed };
  const info = SegmentInfo.encode(SegmentInfo.create(known));
  // Numbers and messages under numbers that nobody here knows.
  for (const field of [39, 60, 200]) {
    info.uint32(field << 3).uint64(BigInt(field));
    info.uint32((field << 3) | 2).bytes(new Uint8Array([8, 1]));
  }
  const answer = new BinaryWriter().uint32((2 << 3) | 2).bytes(info.finish());
  const client = remoteClient(DataCoordDefinition, async () => answer.finish());
  const broker = createDataCoordBroker(client, platform, { deadlineMs: DEADLINE_MS });
  expect(await cluster.world.runUntil(broker.getNumRows(1n, false))).toBe(7n);
});
