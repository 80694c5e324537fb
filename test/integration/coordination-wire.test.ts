// Segments as a plain gRPC client reads them from DataCoord: the early sets of fields and the newest ones.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertRange, mustSucceed, until } from './support.js';
import { type Field, int, ints, message, messages, type Read, texts } from './wire-bytes.js';
import { base, openWireWorld, ROWS, rowsOf, SUCCESS, statusOf, type WireWorld } from './wire-world.js';

let world: WireWorld;
beforeAll(async () => {
  world = await openWireWorld();
});
afterAll(() => world?.close());

describe('GetInsertBinlogPaths', () => {
  test('every field of a segment, system fields too, in rising order, with paths as many as lists', async () => {
    const [segment = 0n] = await world.flushedOf(world.books);
    const answer = await world.dataCoord('GetInsertBinlogPaths', [base(0n), [2, segment]]);
    expect(statusOf(message(answer, 3))).toEqual(SUCCESS);
    const lists = messages(answer, 2).map((list) => texts(list, 1));
    expect(ints(answer, 1)).toEqual([0n, 1n, 100n, 101n]);
    expect(lists).toHaveLength(4);
    for (const paths of lists) {
      expect(paths.length).toBeGreaterThan(0);
      for (const path of paths)
        expect(path).toMatch(new RegExp(`^insert_log/${world.books}/\\d+/${segment}/`));
    }
  });
  test('a segment that is not known: 600, and the lists are empty', async () => {
    const answer = await world.dataCoord('GetInsertBinlogPaths', [[2, 4711n]]);
    expect(statusOf(message(answer, 3))).toMatchObject({
      code: 600n,
      reason: expect.stringContaining('4711'),
    });
    expect([ints(answer, 1), messages(answer, 2)]).toEqual([[], []]);
  });
  test('a field that came after the flush has no list', async () => {
    const id = await world.collection('widened', 0, 10);
    const field = { name: 'later', data_type: 'Int64', nullable: true } as const;
    await mustSucceed(world.client.addCollectionField({ collection_name: 'widened', field }));
    const [segment = 0n] = await world.flushedOf(id);
    expect(ints(await world.dataCoord('GetInsertBinlogPaths', [[2, segment]]), 1)).toEqual([
      0n,
      1n,
      100n,
      101n,
    ]);
  });
});

describe('GetSegmentInfo', () => {
  test('rows, state, channel, and the checkpoints of exactly the channels that were answered', async () => {
    const ids = await world.flushedOf(world.books);
    const answer = await world.dataCoord('GetSegmentInfo', [base(0n), ...ids.map((id): Field => [2, id])]);
    expect(statusOf(message(answer, 1))).toEqual(SUCCESS);
    const infos = messages(answer, 2);
    expect(infos.map((info) => int(info, 1))).toEqual(ids);
    expect(rowsOf(infos)).toBe(BigInt(ROWS));
    for (const info of infos) {
      expect([int(info, 2), int(info, 6)]).toEqual([world.books, 4n]);
      expect(messages(info, 11).map((field) => int(field, 1))).toEqual([0n, 1n, 100n, 101n]);
    }
    const used = new Set(infos.flatMap((info) => texts(info, 4)));
    const checkpoints = messages(answer, 3);
    expect(new Set(checkpoints.flatMap((entry) => texts(entry, 1)))).toEqual(used);
    for (const entry of checkpoints) expect(int(message(entry, 2), 4)).toBeGreaterThan(0n);
  });
  test('none: an empty success; one twice: two answers', async () => {
    const empty = await world.dataCoord('GetSegmentInfo', []);
    expect([statusOf(message(empty, 1)), messages(empty, 2)]).toEqual([SUCCESS, []]);
    const [segment = 0n] = await world.flushedOf(world.books);
    expect((await world.infosOf([segment, segment])).map((info) => int(info, 1))).toEqual([segment, segment]);
  });
  test('one that is not known fails the call and is named', async () => {
    const [segment = 0n] = await world.flushedOf(world.books);
    const answer = await world.dataCoord('GetSegmentInfo', [
      [2, segment],
      [2, 4711n],
    ]);
    expect(statusOf(message(answer, 1))).toMatchObject({ code: 600n, legacy: 47n });
    expect(statusOf(message(answer, 1)).reason).toContain('4711');
    expect(messages(answer, 2)).toEqual([]);
  });
  test('one that was compacted: gone, or with the deletes of what it became', async () => {
    const id = await world.collection('merged', 0, 50);
    await insertRange(world.client, 'merged', 50, 100);
    await mustSucceed(world.client.flushSync({ collection_names: ['merged'] }));
    const parents = await world.flushedOf(id);
    expect(rowsOf(await world.infosOf(parents))).toBe(100n);
    const begun = await world.dataCoord('ManualCompaction', [[1, id]]);
    expect(statusOf(message(begun, 1))).toEqual(SUCCESS);
    await until('the compaction', async () =>
      int(await world.dataCoord('GetCompactionState', [[1, int(begun, 2)]]), 2) === 2n ? true : undefined,
    );
    const [child = 0n, ...others] = await world.flushedOf(id);
    expect([others, parents.includes(child)]).toEqual([[], false]);
    expect(rowsOf(await world.infosOf([child]))).toBe(100n);
    // Deletes that came since are files of the child alone.
    await mustSucceed(world.client.delete({ collection_name: 'merged', ids: [1, 60] }));
    await mustSucceed(world.client.flushSync({ collection_names: ['merged'] }));
    const spread = await world.dataCoord('ManualCompaction', [
      [1, id],
      [9, 1n],
    ]);
    await until('the deletes', async () =>
      int(await world.dataCoord('GetCompactionState', [[1, int(spread, 2)]]), 2) === 2n ? true : undefined,
    );
    const deletesOf = (info: Read | undefined): string[] =>
      messages(info ?? new Map(), 13).flatMap((field) => messages(field, 2).flatMap((log) => texts(log, 4)));
    const [current] = await world.infosOf([child]);
    expect(deletesOf(current).length).toBeGreaterThan(0);
    const [parent = 0n] = parents;
    const answer = await world.dataCoord('GetSegmentInfo', [[2, parent]]);
    expect(statusOf(message(answer, 1)).code).toBe(600n);
    const kept = await world.dataCoord('GetSegmentInfo', [
      [2, parent],
      [3, 1n],
    ]);
    // Its record goes with its files; as long as it is there it shows what came since.
    const [dropped] = messages(kept, 2);
    if (dropped === undefined) expect(statusOf(message(kept, 1)).code).toBe(600n);
    else {
      expect([int(dropped, 6), int(dropped, 19)]).toEqual([6n, 1n]);
      expect(deletesOf(dropped)).toEqual(expect.arrayContaining(deletesOf(current)));
    }
  });
});

describe('GetFlushedSegments, GetSegmentsByStates, GetSegmentStates', () => {
  test('all, by partition, of a collection that is not known; fields of newer and of older releases', async () => {
    const all = await world.flushedOf(world.books);
    expect(all.length).toBeGreaterThanOrEqual(2);
    const partitions = await world.rootCoord('ShowPartitionsInternal', [[4, world.books]]);
    const [partition = 0n] = ints(partitions, 3);
    expect(
      ints(
        await world.dataCoord('GetFlushedSegments', [
          [2, world.books],
          [3, partition],
        ]),
        2,
      ),
    ).toEqual(all);
    expect(
      ints(
        await world.dataCoord('GetFlushedSegments', [
          [2, world.books],
          [3, 4711n],
        ]),
        2,
      ),
    ).toEqual([]);
    const unknown = await world.dataCoord('GetFlushedSegments', [
      [2, 4711n],
      [3, -1n],
    ]);
    expect([statusOf(message(unknown, 1)), ints(unknown, 2)]).toEqual([SUCCESS, []]);
    const newest = await world.dataCoord('GetFlushedSegments', [
      base(0n),
      [2, world.books],
      [3, -1n],
      [4, 1n],
      [99, 'x'],
    ]);
    expect(ints(newest, 2)).toEqual(all);
    // 2.2 alone: those that began before a time.
    expect(
      ints(
        await world.dataCoord('GetFlushedSegments', [
          [2, world.books],
          [3, -1n],
          [5, 1n],
        ]),
        2,
      ),
    ).toEqual([]);
  });
  test('states of what grows, of what is flushed, and of what is not there, each with a status of its own', async () => {
    const id = await world.collection('growing', 0, 10);
    await insertRange(world.client, 'growing', 10, 20);
    const byState = async (state: bigint): Promise<bigint[]> =>
      ints(
        await world.dataCoord('GetSegmentsByStates', [
          [2, id],
          [3, -1n],
          [4, state],
        ]),
        2,
      );
    const [growing = 0n] = await byState(2n);
    const [flushed = 0n] = await byState(4n);
    expect(await byState(7n)).toEqual([]);
    const answer = await world.dataCoord('GetSegmentStates', [
      [2, growing],
      [2, 4711n],
      [2, flushed],
    ]);
    expect(statusOf(message(answer, 1))).toEqual(SUCCESS);
    const states = messages(answer, 2).map((one) => [
      int(one, 1),
      int(one, 2),
      statusOf(message(one, 5)).code,
    ]);
    expect(states).toEqual([
      [growing, 2n, 0n],
      [4711n, 1n, 600n],
      [flushed, 4n, 0n],
    ]);
    const rows = async (method: string): Promise<string[]> =>
      messages(await world.dataCoord(method, [[3, id]]), 1).flatMap((pair) => [
        ...texts(pair, 1),
        ...texts(pair, 2),
      ]);
    expect(await rows('GetCollectionStatistics')).toEqual(['row_count', '20']);
    expect(await rows('GetPartitionStatistics')).toEqual(['row_count', '20']);
  });
  test('none of a collection whose drop was acknowledged', async () => {
    const id = await world.collection('dropped', 0, 10);
    expect(await world.flushedOf(id)).toHaveLength(1);
    await mustSucceed(world.client.dropCollection({ collection_name: 'dropped' }));
    expect(await world.flushedOf(id)).toEqual([]);
    await until('its garbage', async () => {
      const confirmed = await world.dataCoord('GcConfirm', [
        [2, id],
        [3, -1n],
      ]);
      return int(confirmed, 2) === 1n ? true : undefined;
    });
    expect(
      int(
        await world.dataCoord('GcConfirm', [
          [2, world.books],
          [3, -1n],
        ]),
        2,
      ),
    ).toBe(0n);
  });
});

describe('WatchChannels', () => {
  test('again, by the early and by the newest fields: success, and rows stay', async () => {
    const names = world.channels.map((name): Field => [2, name]);
    expect(
      statusOf(message(await world.dataCoord('WatchChannels', [[1, world.books], ...names]), 1)),
    ).toEqual(SUCCESS);
    const positions = world.channels.map(
      (name): Field => [
        3,
        [
          [1, name],
          [2, new Uint8Array([1])],
        ],
      ],
    );
    const newest: Field[] = [
      [1, world.books],
      ...names,
      ...positions,
      [5, 77n],
      [
        6,
        [
          [1, 'a'],
          [2, 'b'],
        ],
      ],
    ];
    expect(statusOf(message(await world.dataCoord('WatchChannels', newest), 1))).toEqual(SUCCESS);
    expect(statusOf(message(await world.dataCoord('WatchChannels', [[1, world.books]]), 1))).toEqual(SUCCESS);
    expect(Number((await world.client.count({ collection_name: 'books' })).data)).toBe(ROWS);
  });
});

describe('Import', () => {
  test('without a task, without files: an error, and no worker is named', async () => {
    const none = await world.dataCoord('Import', []);
    expect([statusOf(message(none, 1)).code, int(none, 2)]).toEqual([1101n, 0n]);
    const task: Field = [
      2,
      [[2, world.books], [3, 1n], ...world.channels.map((name): Field => [4, name]), [6, 9901n]],
    ];
    const empty = await world.dataCoord('Import', [base(0n), task]);
    expect([statusOf(message(empty, 1)).code, int(empty, 2)]).toEqual([2100n, 0n]);
  });
});
