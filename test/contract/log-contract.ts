// What every LogStore must do, whatever it is built on: run it with a store of yours (log.contract.test.ts has the file log's).
import { describe, expect, test } from 'vitest';
import type { LogStore, OpenLogOptions, WriteAheadLog } from '#platform/log.js';

/** One place with logs, new for each test. */
export interface LogWorld {
  /** A store as another process has it that comes to the same place: nothing of it is known from before. */
  readonly connect: () => LogStore;
}

const payload = (value: number, bytes = 4): Uint8Array => new Uint8Array(bytes).fill(value);
const options = (epoch: bigint, more: Partial<OpenLogOptions> = {}): OpenLogOptions => ({
  name: 'by-dev-rootcoord-dml_0',
  epoch,
  fileBytesMax: 256,
  ...more,
});

/** Every entry from `begin` on: its number and what it is filled with. */
async function entries(log: WriteAheadLog, begin = 1n): Promise<[bigint, number][]> {
  const found: [bigint, number][] = [];
  for await (const { lsn, payload: bytes } of log.read(begin)) found.push([lsn, bytes[0] ?? -1]);
  return found;
}

export function logContract(name: string, open: () => Promise<LogWorld>): void {
  describe(`LogStore (${name})`, () => {
    test('an append says where each entry is, and a reader finds it there', async () => {
      const log = await (await open()).connect().open(options(1n));
      expect(await entries(log)).toEqual([]);
      const lsns = await log.append([payload(1), payload(2), payload(3)]);
      expect(lsns).toHaveLength(3);
      expect(lsns[0]).toBeGreaterThanOrEqual(1n);
      for (const [at, lsn] of lsns.entries()) if (at > 0) expect(lsn).toBeGreaterThan(lsns[at - 1] ?? 0n);
      expect(log.nextLsn).toBeGreaterThan(lsns[2] ?? 0n);
      expect(await entries(log)).toEqual(lsns.map((lsn, at) => [lsn, at + 1]));
      expect(await entries(log, lsns[1])).toEqual([
        [lsns[1], 2],
        [lsns[2], 3],
      ]);
      expect(await entries(log, log.nextLsn)).toEqual([]);
      expect(log.bytes).toBeGreaterThan(0);
      await log.close();
    });
    test('no entries take no number', async () => {
      const log = await (await open()).connect().open(options(1n));
      const before = log.nextLsn;
      expect(await log.append([])).toEqual([]);
      expect(log.nextLsn).toBe(before);
      await log.close();
    });
    test('an entry may be empty', async () => {
      const log = await (await open()).connect().open(options(1n));
      const [lsn] = await log.append([payload(0, 0)]);
      expect(await entries(log)).toEqual([[lsn, -1]]);
      await log.close();
    });
    test('an entry comes back whole that was given in pieces', async () => {
      const log = await (await open()).connect().open(options(1n, { fileBytesMax: 1 << 20 }));
      const shared = new Uint8Array(new SharedArrayBuffer(70_001)).fill(3);
      const pieces = [payload(1, 3), payload(2, 0), shared, payload(4, 1)];
      await log.append([payload(7), pieces, [], [payload(8)]]);
      const found: Uint8Array[] = [];
      for await (const { payload: bytes } of log.read(1n)) found.push(bytes);
      const whole = Buffer.concat([payload(1, 3), shared, payload(4, 1)]);
      expect(found.map(({ length }) => length)).toEqual([4, whole.length, 0, 4]);
      expect(whole.compare(found[1] ?? new Uint8Array(0))).toBe(0);
      await log.close();
    });
    test('appends that are under way together keep their order', async () => {
      const log = await (await open()).connect().open(options(1n));
      const appends = Array.from({ length: 20 }, (_, at) => log.append([payload(at), payload(at)]));
      const lsns = (await Promise.all(appends)).flat();
      expect([...lsns].sort((a, b) => (a < b ? -1 : 1))).toEqual(lsns);
      expect((await entries(log)).map(([, value]) => value)).toEqual(
        Array.from({ length: 40 }, (_, at) => at >> 1),
      );
      await log.close();
    });
    test('what was acknowledged is there after a close, and for one that never closed', async () => {
      const world = await open();
      const first = await world.connect().open(options(1n));
      const closed = await first.append([payload(1), payload(2)]);
      await first.close();
      const second = await world.connect().open(options(1n));
      const left = await second.append([payload(3)]);
      // Not closed: its process is gone.
      const third = await world.connect().open(options(2n));
      expect(await entries(third)).toEqual([...closed, ...left].map((lsn, at) => [lsn, at + 1]));
      const [lsn] = await third.append([payload(4)]);
      expect(lsn).toBeGreaterThan(left[0] ?? 0n);
      await third.close();
      await second.close();
    });
    test('a newer owner fences the one before: it is refused, and nothing of it is read', async () => {
      const world = await open();
      const old = await world.connect().open(options(1n));
      const [kept] = await old.append([payload(1)]);
      const taken = await world.connect().open(options(2n));
      await expect(old.append([payload(9)])).rejects.toMatchObject({ key: 'wal_fenced' });
      const [own] = await taken.append([payload(2)]);
      expect(await entries(taken)).toEqual([
        [kept, 1],
        [own, 2],
      ]);
      await old.close();
      const again = await world.connect().open(options(2n));
      expect(await entries(again)).toEqual([
        [kept, 1],
        [own, 2],
      ]);
      await again.close();
      await taken.close();
    });
    test('an owner that comes late does not get the log', async () => {
      const world = await open();
      const newer = await world.connect().open(options(5n));
      await newer.append([payload(1)]);
      await expect(world.connect().open(options(4n))).rejects.toMatchObject({ key: 'wal_fenced' });
      await newer.append([payload(2)]);
      expect((await entries(newer)).map(([, value]) => value)).toEqual([1, 2]);
      await newer.close();
      await expect(world.connect().open(options(4n))).rejects.toMatchObject({ key: 'wal_fenced' });
    });
    test('an entry that no reader would take is refused, and the log goes on', async () => {
      const log = await (await open()).connect().open(options(1n, { payloadBytesMax: 16 }));
      await expect(log.append([payload(1), payload(2, 17)])).rejects.toMatchObject({
        key: 'parameter_too_large',
      });
      expect(await entries(log)).toEqual([]);
      const [lsn] = await log.append([payload(3, 16)]);
      expect(await entries(log)).toEqual([[lsn, 3]]);
      await log.close();
    });
    test('truncation leaves every entry from its end on, and numbers go on', async () => {
      const world = await open();
      const log = await world.connect().open(options(1n));
      const lsns: bigint[] = [];
      for (let at = 0; at < 30; at++) lsns.push(...(await log.append([payload(at, 64)])));
      const end = lsns[20] ?? 0n;
      const giveBack = log.bytesBefore(end);
      const before = log.bytes;
      expect(giveBack).toBeGreaterThan(0);
      await log.truncate(end);
      expect(log.bytes).toBe(before - giveBack);
      expect(log.firstLsn).toBeGreaterThan(lsns[0] ?? 0n);
      expect(log.firstLsn).toBeLessThanOrEqual(end);
      expect(await entries(log, end)).toEqual(lsns.slice(20).map((lsn, at) => [lsn, at + 20]));
      await log.truncate(log.nextLsn);
      const next = log.nextLsn;
      await log.close();
      const again = await world.connect().open(options(1n));
      expect(again.nextLsn).toBeGreaterThanOrEqual(next);
      expect((await again.append([payload(77)]))[0]).toBeGreaterThanOrEqual(next);
      expect((await entries(again, next)).map(([, value]) => value)).toEqual([77]);
      await again.close();
    });
    test('whoever opens it is asked first, and a refusal changes nothing', async () => {
      const world = await open();
      const seen: unknown[] = [];
      const log = await world.connect().open(options(1n, { check: (found) => seen.push(found) }));
      expect(seen).toMatchObject([{ isMissing: true, isUnsettled: false }]);
      const lsns = await log.append([payload(1), payload(2)]);
      const { nextLsn } = log;
      await log.close();
      const refuse = (): void => {
        throw new Error('not this one');
      };
      await expect(world.connect().open(options(1n, { check: refuse }))).rejects.toThrow('not this one');
      const again = await world.connect().open(options(1n, { check: (found) => seen.push(found) }));
      expect(seen[1]).toMatchObject({ isMissing: false, nextLsn, firstLsn: lsns[0] });
      expect((await entries(again)).map(([, value]) => value)).toEqual([1, 2]);
      await again.settle();
      await again.close();
    });
    test('logs are apart from each other, and the place says which there are', async () => {
      const world = await open();
      const store = world.connect();
      expect(await store.names()).toEqual([]);
      expect(await store.newestEpoch()).toBe(0n);
      const first = await store.open(options(3n, { name: 'by-dev-rootcoord-dml_0' }));
      const second = await store.open(options(7n, { name: 'by-dev-rootcoord-dml_1' }));
      await first.append([payload(1)]);
      await second.append([payload(2)]);
      expect((await entries(first)).map(([, value]) => value)).toEqual([1]);
      expect((await entries(second)).map(([, value]) => value)).toEqual([2]);
      await first.close();
      await second.close();
      expect([...(await world.connect().names())].sort()).toEqual([
        'by-dev-rootcoord-dml_0',
        'by-dev-rootcoord-dml_1',
      ]);
      expect(await world.connect().newestEpoch()).toBe(7n);
    });
    test('a closed log takes nothing', async () => {
      const log = await (await open()).connect().open(options(1n));
      await log.close();
      await expect(log.append([payload(1)])).rejects.toMatchObject({ key: 'wal_unavailable' });
    });
  });
}
