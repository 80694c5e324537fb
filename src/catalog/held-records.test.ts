// Changes that rest on records as they were read: a writer that was overtaken changes nothing, and decides again on what is there.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import { DatabaseRecord } from '#proto/elanus/data.js';
import { commitChanges, HeldRecords, redeciding, settleChanges } from './held-records.js';
import { idKey, recordTable } from './record-table.js';

const record = (id: bigint, name = `d${id}`): DatabaseRecord => DatabaseRecord.create({ id, name });
async function open(store: MemoryMetaStore) {
  const held = new HeldRecords(recordTable(store, 'd/', DatabaseRecord), idKey, ({ id }) => id);
  await held.load();
  return held;
}

const conflict = { key: 'catalog_conflict' };

describe('held records', () => {
  it('a second writer is refused until it has read again', async () => {
    const store = new MemoryMetaStore();
    const first = await open(store);
    const second = await open(store);
    await commitChanges(store, [first.put(record(1n, 'a'))]);
    await expect(commitChanges(store, [second.put(record(1n, 'b'))])).rejects.toMatchObject(conflict);
    expect(second.records.get(1n)?.name).toBe('a');
    await commitChanges(store, [second.put(record(1n, 'b'))]);
    await expect(commitChanges(store, [first.remove(1n)])).rejects.toMatchObject(conflict);
    expect(first.records.get(1n)?.name).toBe('b');
    await commitChanges(store, [first.remove(1n)]);
    await expect(commitChanges(store, [second.put(record(1n, 'c'))])).rejects.toMatchObject(conflict);
    expect([...second.records.keys()]).toEqual([]);
    expect(await store.range('d/')).toEqual([]);
  });
  it('records by group: those of one, in their order, through changes, removals and a second reading', async () => {
    const store = new MemoryMetaStore();
    const parity = ({ id }: DatabaseRecord): bigint => id % 2n;
    const grouped = () =>
      new HeldRecords(recordTable(store, 'd/', DatabaseRecord), idKey, ({ id }) => id, parity);
    const held = grouped();
    const of = (from: typeof held, group: bigint) => from.of(group).map(({ name }) => name);
    await commitChanges(
      store,
      [1n, 2n, 3n, 5n].map((id) => held.put(record(id))),
    );
    expect([of(held, 1n), of(held, 0n), of(held, 7n)]).toEqual([['d1', 'd3', 'd5'], ['d2'], []]);
    await commitChanges(store, [held.put(record(1n, 'again')), held.remove(3n), held.remove(2n)]);
    expect([of(held, 1n), of(held, 0n)]).toEqual([['again', 'd5'], []]);
    await commitChanges(store, [held.put(record(3n))]);
    expect(of(held, 1n)).toEqual(['again', 'd5', 'd3']);
    const second = grouped();
    await second.load();
    await commitChanges(store, [second.remove(1n)]);
    await expect(commitChanges(store, [held.put(record(1n, 'late'))])).rejects.toMatchObject(conflict);
    expect([of(held, 1n), of(second, 1n)]).toEqual([
      ['d5', 'd3'],
      ['d3', 'd5'],
    ]);
  });
  it('who follows hears of each change, also of what another writer did', async () => {
    const store = new MemoryMetaStore();
    await commitChanges(store, [(await open(store)).put(record(1n, 'before'))]);
    const heard: string[] = [];
    const held = new HeldRecords(recordTable(store, 'd/', DatabaseRecord), idKey, ({ id }) => id, undefined, {
      held: ({ id, name }) => heard.push(`${id} ${name}`),
      forgotten: (id) => heard.push(`${id} gone`),
    });
    await held.load();
    await commitChanges(store, [held.put(record(2n, 'own')), held.remove(1n)]);
    await commitChanges(store, [(await open(store)).put(record(2n, 'theirs'))]);
    await expect(commitChanges(store, [held.put(record(2n, 'late'))])).rejects.toMatchObject(conflict);
    await commitChanges(store, [(await open(store)).remove(2n)]);
    await expect(commitChanges(store, [held.put(record(2n, 'late'))])).rejects.toMatchObject(conflict);
    expect(heard).toEqual(['1 before', '2 own', '1 gone', '2 theirs', '2 gone']);
  });
  it('a guard refuses the change, and memory shows nothing of it', async () => {
    const store = new MemoryMetaStore();
    const first = await open(store);
    const second = await open(store);
    await commitChanges(store, [first.put(record(1n, 'owner 1'))]);
    await commitChanges(store, [(await open(store)).put(record(1n, 'owner 2'))]);
    await expect(commitChanges(store, [first.put(record(2n))], [first.guard(1n)])).rejects.toMatchObject(
      conflict,
    );
    expect([first.records.get(1n)?.name, first.records.has(2n)]).toEqual(['owner 2', false]);
    // Absent, as it is here, is a thing that may change too.
    await expect(commitChanges(store, [second.put(record(3n))], [second.guard(1n)])).rejects.toMatchObject(
      conflict,
    );
  });
  it('beyond one transaction: in order, known together, each with the guards', async () => {
    const store = new MemoryMetaStore();
    const held = await open(store);
    await commitChanges(store, [held.put(record(0n))]);
    const sizes: number[] = [];
    const transact = store.transact.bind(store);
    const known: number[] = [];
    store.transact = async (compares, operations) => {
      sizes.push(operations.length);
      known.push(held.records.size);
      expect(compares.some(({ key }) => key === `d/${idKey(0n)}`)).toBe(true);
      return transact(compares, operations);
    };
    const changes = Array.from({ length: 300 }, (_, at) => held.put(record(BigInt(at + 1))));
    await commitChanges(store, [...changes, held.put(record(0n, 'decided'))], [held.guard(0n)]);
    expect(sizes).toEqual([126, 126, 49]);
    expect(known).toEqual([1, 1, 1]);
    expect([held.records.size, held.records.get(0n)?.name]).toEqual([301, 'decided']);
    expect([...(await open(store)).records]).toEqual(
      [...held.records].sort((a, b) => (a[0] < b[0] ? -1 : 1)),
    );
  });
  it('cut off in the middle: memory knows exactly what is durable', async () => {
    const store = new MemoryMetaStore();
    const held = await open(store);
    let left = 1;
    const transact = store.transact.bind(store);
    store.transact = async (...from) =>
      left-- > 0 ? transact(...from) : Promise.reject(new ElanusError('io_failed', 'disk full'));
    const changes = Array.from({ length: 200 }, (_, at) => held.put(record(BigInt(at + 1))));
    await expect(commitChanges(store, changes)).rejects.toMatchObject({ key: 'io_failed' });
    expect([...held.records]).toEqual([...(await open(store)).records]);
    expect(held.records.size).toBe(127);
  });
  it('done, and failed all the same: memory learns what is durable, at once or before it decides again', async () => {
    const store = new MemoryMetaStore();
    const held = await open(store);
    let isDown = false;
    const [transact, get] = [store.transact.bind(store), store.get.bind(store)];
    const late = new ElanusError('io_failed', 'no answer in time');
    store.transact = async (...from) => {
      await transact(...from);
      throw late;
    };
    store.get = async (key) => (isDown ? Promise.reject(late) : get(key));
    await expect(commitChanges(store, [held.put(record(1n, 'a'))])).rejects.toBe(late);
    expect(held.records.get(1n)?.name).toBe('a');
    isDown = true;
    await expect(commitChanges(store, [held.put(record(2n, 'b'))])).rejects.toBe(late);
    expect(held.records.has(2n)).toBe(false);
    await expect(settleChanges(store)).rejects.toBe(late);
    isDown = false;
    await settleChanges(store);
    expect(held.records.get(2n)?.name).toBe('b');
  });
  it('several that were done and failed: memory learns of all of them in one turn', async () => {
    const store = new MemoryMetaStore();
    const held = await open(store);
    await commitChanges(store, [held.put(record(1n)), held.put(record(2n))]);
    const [transact, get] = [store.transact.bind(store), store.get.bind(store)];
    const fail = () => Promise.reject(new ElanusError('io_failed', 'no answer in time'));
    store.transact = async (...from) => {
      await transact(...from);
      return fail();
    };
    // The store says what one of them is, and no more.
    let readable = 1;
    store.get = (key) => (readable-- > 0 ? get(key) : fail());
    const replaced = [held.put(record(1n, 'dropped')), held.remove(2n), held.put(record(3n))];
    await expect(commitChanges(store, replaced)).rejects.toThrow('no answer in time');
    const names = () => [...held.records.values()].map(({ name }) => name);
    expect(names()).toEqual(['d1', 'd2']);
    readable = 2;
    await expect(settleChanges(store)).rejects.toThrow('no answer in time');
    expect(names()).toEqual(['d1', 'd2']);
    Object.assign(store, { transact, get });
    // Whoever decided by what memory had is refused, and decides again.
    await expect(commitChanges(store, [held.remove(1n)])).rejects.toMatchObject(conflict);
    expect(names()).toEqual(['dropped', 'd3']);
  });
  it('a decision is made again on what is there, a few times', async () => {
    const store = new MemoryMetaStore();
    const held = await open(store);
    const rival = await open(store);
    let rivals = 3;
    let tries = 0;
    const raise = (from: typeof held) =>
      commitChanges(store, [from.put(record(1n, String(Number(from.records.get(1n)?.name ?? '0') + 1)))]);
    const outcome = () =>
      redeciding(async () => {
        tries++;
        const change = held.put(record(1n, String(Number(held.records.get(1n)?.name ?? '0') + 1)));
        if (rivals-- > 0) await redeciding(() => raise(rival));
        await commitChanges(store, [change]);
      });
    await outcome();
    expect([tries, held.records.get(1n)?.name]).toEqual([4, '4']);
    rivals = 1000;
    await expect(outcome()).rejects.toMatchObject(conflict);
    expect(tries).toBe(4 + 5);
  });
});
