// What a write needs is taken before it is durable: a change that cannot be applied leaves nothing in the log and nothing in the shard,
// harms no other of its group, and a record that fails all the same stops its shard alone.

import { describe, expect, it } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { batchOf, column, columnFromInt64 } from '#model/columns/column.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { Platform } from '#platform/platform.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import { LogRecord } from '#proto/elanus/data.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { openFileLog } from '#wal/file-log.js';
import { PhysicalChannel } from './physical-channel.js';
import { Shard } from './shard.js';
import type { ShardChange } from './shard-change.js';

const DIM = 4;
const schemaOf = (dim: number) =>
  CollectionSchema.fromPartial({
    name: 'c',
    fields: [
      { fieldID: 100n, name: 'pk', dataType: DataType.Int64, isPrimaryKey: true },
      {
        fieldID: 101n,
        name: 'v',
        dataType: DataType.FloatVector,
        nullable: true,
        typeParams: [{ key: 'dim', value: String(dim) }],
      },
    ],
  });
const schema = schemaOf(DIM);

const rows = (...keys: readonly bigint[]): ColumnBatch =>
  batchOf(keys.length, [
    columnFromInt64(100n, keys),
    column(101n, DataType.FloatVector, bytesView(new Float32Array(keys.length * DIM).fill(1))),
  ]);
const write = (inserts: readonly [bigint, ColumnBatch][], deleted?: readonly bigint[]): ShardChange => ({
  kind: 'write',
  deletedKeys: deleted && columnFromInt64(100n, deleted),
  deletedPartitionId: 0n,
  inserts: inserts.map(([partitionId, batch]) => ({ partitionId, rows: batch })),
});

const unfit = batchOf(1, [column(101n, DataType.FloatVector, new Uint8Array(3))]);

async function open(own = schema) {
  const { world, ...rest } = simulatedCluster(1);
  const real = openMemoryPlatform({ cluster: { world, ...rest }, host: 'a' });
  const faults = { memory: false, ids: new Set<string>(), forward: false };
  const workers: Platform['workers'] = Object.assign(Object.create(real.workers) as Platform['workers'], {
    allocate: (bytes: number, bytesMax: number) => {
      if (faults.memory) throw new ElanusError('memory_limit', 'no memory for a region; try again');
      return real.workers.allocate(bytes, bytesMax);
    },
    release: (region: Parameters<Platform['workers']['release']>[0]) => real.workers.release(region),
  });
  const platform: Platform = Object.assign(Object.create(real) as Platform, { workers });
  let timestamp = 0n;
  let id = 1000n;
  const openLog = () => openFileLog(platform, { folder: 'wal/x', epoch: 1n, fileBytesMax: 1_000_000 });
  const channel = await world.runUntil(
    PhysicalChannel.open({
      platform,
      openLog,
      allocateTimestamps: async (count) => {
        timestamp += BigInt(count);
        return timestamp - BigInt(count) + 1n;
      },
    }),
  );
  const make = (name: string): Shard =>
    new Shard({
      platform,
      settings: { segmentBytesMax: 1000 },
      channel: {
        vchannel: name,
        collectionId: 1n,
        schema: own,
        ownerServerId: 1n,
        epoch: 1n,
        checkpointLsn: 0n,
        checkpointTimestamp: 0n,
        createTimestamp: 0n,
        droppedPartitionIds: [],
        readableFrom: 0n,
      },
      schema: own,
      persistedSegmentIds: new Set(),
      allocateIds: async (count) => {
        if (faults.ids.has(name)) throw new ElanusError('service_unavailable', 'no ids; try again');
        id += BigInt(count);
        return id - BigInt(count);
      },
      forwardDeletes: async () => {
        if (faults.forward) throw new Error('planted');
      },
      onSealed: () => {},
    });
  const shardOf = (name: string): Shard => {
    const shard = make(name);
    channel.shards.set(name, shard);
    return shard;
  };
  const submit = (shard: Shard, change: ShardChange): Promise<bigint> => channel.submit(shard, change, 100);
  const run = <T>(task: Promise<T>): Promise<T> => world.runUntil(task);
  const settled = (...tasks: Promise<bigint>[]) =>
    run(Promise.allSettled(tasks)).then((all) => all.map(({ status }) => status));
  return { run, settled, submit, channel, shardOf, make, faults, disk: real.disk, timers: world.timers };
}

const keysOf = (shard: Shard): bigint[] =>
  [...shard.segments.values()]
    .flatMap(({ data }) => [...data.visibleRows(1n << 60n)].map((row) => data.keyOf(row) as bigint))
    .sort();

describe('a change', () => {
  it('gets as many segment ids as it needs, in its first group', async () => {
    const { run, submit, shardOf } = await open();
    const shard = shardOf('x_1v0');
    await run(
      submit(
        shard,
        write(
          Array.from({ length: 1024 }, (_, i): [bigint, ColumnBatch] => [BigInt(i + 1), rows(BigInt(i))]),
        ),
      ),
    );
    expect(shard.segments.size).toBe(1024);
    expect(keysOf(shard).length).toBe(1024);
  });
  it('whose plan fails leaves no trace and harms no other of its group', async () => {
    const { run, settled, submit, shardOf, channel } = await open();
    const shard = shardOf('x_1v0');
    const seal: ShardChange = { kind: 'seal', segmentIds: [] };
    const unfitAfter = write(
      [
        [3n, rows(7n)],
        [1n, unfit],
      ],
      [1n],
    );
    const group = [write([[1n, rows(1n)]]), unfitAfter, write([[2n, rows(2n)]]), seal].map((change) =>
      submit(shard, change),
    );
    expect(await settled(...group)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect([keysOf(shard), channel.log.nextLsn]).toEqual([[1n, 2n], 4n]);
    const seals: (readonly bigint[])[] = [];
    for await (const { payload } of channel.log.read(1n))
      seals.push(LogRecord.decode(payload).seal?.segmentIds ?? []);
    // Segments of the change that failed are not among them: they never were.
    expect(seals.at(-1)).toEqual([...shard.segments.keys()]);
    await run(submit(shard, write([[3n, rows(3n)]])));
    expect([...shard.segments.values()].map(({ state }) => state)).toEqual(['sealed', 'sealed', 'growing']);
    expect(shard.failure).toBeUndefined();
  });
  it('is refused before it is durable when its memory cannot be had, deletes and all', async () => {
    const { run, submit, shardOf, faults, channel } = await open();
    const shard = shardOf('x_1v0');
    await run(submit(shard, write([[1n, rows(1n)]])));
    faults.memory = true;
    await expect(run(submit(shard, write([[2n, hugeRows()]], [1n])))).rejects.toMatchObject({
      key: 'memory_limit',
    });
    expect([keysOf(shard), channel.log.nextLsn]).toEqual([[1n], 2n]);
    faults.memory = false;
    await run(submit(shard, write([[1n, rows(2n)]], [1n])));
    expect(keysOf(shard)).toEqual([2n]);
  });
  it('that would be a longer entry than the log reads is refused', async () => {
    const { run, submit, shardOf, channel } = await open();
    const shard = shardOf('x_1v0');
    const keys = column(100n, DataType.Int64, new Uint8Array(513 * 1024 * 1024));
    const change: ShardChange = { kind: 'write', deletedKeys: keys, deletedPartitionId: 0n, inserts: [] };
    await expect(run(submit(shard, change))).rejects.toMatchObject({ key: 'parameter_too_large' });
    expect(channel.log.nextLsn).toBe(1n);
  });
  it('keeps nulls out of the log', async () => {
    const { run, submit, shardOf, channel } = await open();
    const shard = shardOf('x_1v0');
    const keys = columnFromInt64(
      100n,
      Array.from({ length: 1000 }, (_, i) => BigInt(i)),
    );
    const valid = Uint8Array.from({ length: 1000 }, (_, row) => (row === 500 ? 1 : 0));
    const vectors = column(
      101n,
      DataType.FloatVector,
      new Uint8Array(1000 * DIM * 4).fill(0, 0),
      undefined,
      valid,
    );
    await run(submit(shard, write([[1n, batchOf(1000, [keys, vectors])]])));
    for await (const { payload } of channel.log.read(1n)) {
      expect(LogRecord.decode(payload).write?.inserts[0]?.rows?.columns[1]?.data.length).toBe(DIM * 4);
    }
    expect(shard.segments.size).toBe(1);
    expect([...shard.segments.values()][0]?.data.hasNullVectors(101n)).toBe(true);
  });
  it('fails with its shard when that gets no ids, and the others of the group go on', async () => {
    const { settled, submit, shardOf, faults } = await open();
    const [one, other] = [shardOf('x_1v0'), shardOf('x_2v0')];
    faults.ids.add('x_1v0');
    expect(
      await settled(submit(one, write([[1n, rows(1n)]])), submit(other, write([[1n, rows(1n)]]))),
    ).toEqual(['rejected', 'fulfilled']);
  });
  it('that failed and is in the log all the same waits for its memory, and its shard is read meanwhile', async () => {
    // More than a region that others share has: it needs one of its own.
    const [dim, count] = [32_768, 130];
    const { run, submit, shardOf, faults, disk } = await open(schemaOf(dim));
    const shard = shardOf('x_1v0');
    const wide = (...keys: readonly bigint[]): ShardChange => {
      const vectors = new Uint8Array(keys.length * dim * 4);
      return write([
        [
          1n,
          batchOf(keys.length, [columnFromInt64(100n, keys), column(101n, DataType.FloatVector, vectors)]),
        ],
      ]);
    };
    const many = Array.from({ length: count }, (_, at) => BigInt(at + 10));
    await run(submit(shard, wide(1n)));
    disk.appendFault = () => {
      disk.appendFault = undefined;
      faults.memory = true;
      return { keptBytes: Number.MAX_SAFE_INTEGER };
    };
    await expect(run(submit(shard, wide(...many)))).rejects.toMatchObject({ key: 'wal_unavailable' });
    await expect(run(submit(shard, wide(2n)))).rejects.toMatchObject({ key: 'queue_full' });
    expect([shard.failure, keysOf(shard)]).toEqual([undefined, [1n]]);
    faults.memory = false;
    await run(submit(shard, wide(2n)));
    expect(keysOf(shard)).toHaveLength(count + 2);
  });
  it('that finds no memory for half a minute stops its shard, and the others of the log write on', async () => {
    const [dim, count] = [32_768, 130];
    const { run, submit, shardOf, faults, disk, timers } = await open(schemaOf(dim));
    const [shard, other] = [shardOf('x_1v0'), shardOf('x_2v0')];
    const keys = Array.from({ length: count }, (_, at) => BigInt(at + 10));
    const vectors = column(101n, DataType.FloatVector, new Uint8Array(count * dim * 4));
    const many = write([[1n, batchOf(count, [columnFromInt64(100n, keys), vectors])]]);
    disk.appendFault = () => {
      disk.appendFault = undefined;
      faults.memory = true;
      return { keptBytes: Number.MAX_SAFE_INTEGER };
    };
    await expect(run(submit(shard, many))).rejects.toMatchObject({ key: 'wal_unavailable' });
    const deletion = write([], [1n]);
    await expect(run(submit(other, deletion))).rejects.toMatchObject({ key: 'queue_full' });
    await run(timers.sleep(40_000));
    await run(submit(other, deletion));
    expect(shard.failure).toMatchObject({ key: 'shard_stopped' });
    expect(other.failure).toBeUndefined();
  });
  it('leaves the shard as it was when its append fails', async () => {
    const { run, submit, shardOf, disk } = await open();
    const shard = shardOf('x_1v0');
    await run(submit(shard, write([[1n, rows(1n)]])));
    disk.appendFault = () => {
      disk.appendFault = undefined;
      return { keptBytes: 0 };
    };
    await expect(
      run(
        submit(
          shard,
          write(
            [
              [1n, rows(2n)],
              [2n, rows(3n)],
            ],
            [1n],
          ),
        ),
      ),
    ).rejects.toMatchObject({ key: 'wal_unavailable' });
    expect([keysOf(shard), shard.segments.size]).toEqual([[1n], 1]);
    await run(submit(shard, write([[1n, rows(4n)]])));
    expect([keysOf(shard), shard.segments.size]).toEqual([[1n, 4n], 1]);
  });
});

/** More than a region that others share has room for. */
const hugeRows = (): ColumnBatch => {
  const count = 2_000_000;
  return batchOf(count, [
    column(100n, DataType.Int64, new Uint8Array(count * 8)),
    column(101n, DataType.FloatVector, new Uint8Array(count * DIM * 4)),
  ]);
};

describe('a record that cannot be applied', () => {
  it('stops its shard with a reason, keeps its log, and is applied at the next start', async () => {
    const { run, settled, submit, shardOf, make, faults, channel } = await open();
    const [broken, sound] = [shardOf('x_1v0'), shardOf('x_2v0')];
    await run(submit(broken, write([[1n, rows(1n)]])));
    await run(submit(broken, { kind: 'seal', segmentIds: [] }));
    faults.forward = true;
    expect(
      await settled(submit(broken, write([[1n, rows(2n)]], [1n])), submit(sound, write([[1n, rows(5n)]]))),
    ).toEqual(['rejected', 'fulfilled']);
    faults.forward = false;
    expect(broken.failure?.message).toMatch(
      /record 3 of its log could not be applied \(planted\).*restart the server/,
    );
    await expect(run(submit(broken, write([[1n, rows(3n)]])))).rejects.toMatchObject({
      key: 'shard_stopped',
    });
    await expect(run(broken.awaitCheckpoint(99n))).rejects.toMatchObject({ key: 'shard_stopped' });
    expect(await settled(submit(sound, write([[1n, rows(6n)]])))).toEqual(['fulfilled']);
    // What was sealed before may still be committed; the record itself never leaves the log.
    const sealed = [...broken.segments.values()].filter(({ state }) => state === 'sealed');
    broken.committed(sealed, [], 1n);
    expect(broken.firstUnsavedLsn).toBe(3n);
    const next = make('x_1v0');
    for await (const { lsn, payload } of channel.log.read(1n)) {
      const record = LogRecord.decode(payload);
      if (record.vchannel === 'x_1v0') await next.apply(record, lsn, true);
    }
    expect([next.failure, keysOf(next)]).toEqual([undefined, [2n]]);
  });
});

describe('a function that comes later, with the field that it makes', () => {
  const made = 102n;
  const later = CollectionSchema.fromPartial({
    ...schema,
    fields: [
      ...schema.fields,
      { fieldID: made, name: 'b', dataType: DataType.BinaryVector, typeParams: [{ key: 'dim', value: '8' }] },
    ],
    functions: [{ name: 'f', outputFieldIds: [made] }],
    version: 1,
  });
  const whole = (...keys: readonly bigint[]): ColumnBatch =>
    batchOf(keys.length, [
      ...rows(...keys).columns,
      column(made, DataType.BinaryVector, new Uint8Array(keys.length).fill(3)),
    ]);
  const shapeOf = (shard: Shard) =>
    [...shard.segments.values()].map(({ state, data }) => [state, data.rowCount, data.hasField(made)]);

  it('is in all rows of a segment or in none, as written and as replayed', async () => {
    const { run, submit, shardOf, make, channel } = await open();
    const shard = shardOf('x_1v0');
    await run(submit(shard, write([[1n, rows(1n, 2n)]])));
    shard.followSchema(later);
    expect(shapeOf(shard)).toEqual([['growing', 2, false]]);
    // Made before the function came: its maker makes it anew.
    await expect(run(submit(shard, write([[1n, rows(3n)]])))).rejects.toMatchObject({
      key: 'schema_mismatch',
    });
    await run(submit(shard, write([[1n, whole(4n)]])));
    await run(submit(shard, write([[1n, whole(5n)]])));
    const shape = [
      ['sealed', 2, false],
      ['growing', 2, true],
    ];
    expect(shapeOf(shard)).toEqual(shape);
    const replayed = make('x_1v0');
    replayed.followSchema(later);
    for await (const { payload, lsn } of channel.log.read(1n))
      await run(replayed.apply(LogRecord.decode(payload), lsn, true));
    expect(shapeOf(replayed)).toEqual(shape);
    const first = [...replayed.segments.values()][0]?.data;
    expect(first?.fetch(Uint32Array.of(1), [made]).columns[0]).toMatchObject({ valid: Uint8Array.of(0) });
  });
});
