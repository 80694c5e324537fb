// Transactions that wait together are decided one after the other, as if each had been alone: a store in memory says how.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { nextBelow, seededRandom } from '#base/random.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import type { MetaCompare, MetaEvent, MetaOperation, MetaStore } from '#platform/meta-store.js';
import { loadLmdb } from './lmdb-load.js';
import { LmdbMetaStore } from './lmdb-meta-store.js';

const KEYS = ['a/1', 'a/2', 'a/10', 'b/1', 'b/2', 'a/é'];
const TRANSACTIONS = 400;

interface Asked {
  readonly compares: readonly MetaCompare[];
  readonly operations: readonly MetaOperation[];
}

function transactions(seed: number): readonly Asked[] {
  const random = seededRandom(seed);
  const below = (bound: number): number => nextBelow(random, bound);
  const key = (): string => KEYS[below(KEYS.length)] ?? '';
  const value = (): Uint8Array => new Uint8Array([below(3)]);
  const operation = (name: string): MetaOperation =>
    below(3) === 0 ? { kind: 'delete', key: name } : { kind: 'put', key: name, value: value() };
  return Array.from({ length: TRANSACTIONS }, (_, at) => {
    const keys = [...new Set(Array.from({ length: below(4) }, key))];
    const ranges: MetaOperation[] = below(6) === 0 ? [{ kind: 'deleteRange', prefix: 'a/1' }] : [];
    // As often as not what is there: absent, or of a revision of late.
    const compare = (): MetaCompare =>
      below(3) === 0
        ? { key: key(), value: value() }
        : { key: key(), modRevision: below(2) === 0 ? 0n : BigInt(Math.max(0, (at >> 1) - below(4))) };
    return {
      compares: below(2) === 0 ? [] : [compare()],
      operations: [...ranges, ...keys.map(operation)],
    };
  });
}

/** What a store answers, reports and holds when the transactions come some at a time. */
async function answersOf(store: MetaStore, asked: readonly Asked[], atOnce: (at: number) => number) {
  const events: MetaEvent[] = [];
  store.watch('', (event) => events.push(event));
  const revisions: (bigint | undefined)[] = [];
  for (let at = 0; at < asked.length; ) {
    const some = asked.slice(at, at + atOnce(at));
    revisions.push(
      ...(await Promise.all(some.map(({ compares, operations }) => store.transact(compares, operations)))),
    );
    at += some.length;
  }
  // Watchers hear of changes in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  return { revisions, events, entries: await store.range('') };
}

test.each([1, 2, 3])('many at once are decided one after the other (seed %i)', async (seed) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'elanus-lmdb-'));
  const store = new LmdbMetaStore(folder, await loadLmdb());
  try {
    const asked = transactions(seed);
    const expected = await answersOf(new MemoryMetaStore(), asked, () => 1);
    const found = await answersOf(store, asked, (at) => 1 + ((at * 7) % 40));
    expect(found).toEqual(expected);
    expect(expected.revisions.filter((revision) => revision === undefined).length).toBeGreaterThan(20);
    expect(expected.revisions.filter((revision) => revision !== undefined).length).toBeGreaterThan(200);
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
});

test('what waits when the store is closed is carried out', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'elanus-lmdb-'));
  try {
    const store = new LmdbMetaStore(folder, await loadLmdb());
    const put = (key: string): MetaOperation => ({ kind: 'put', key, value: new Uint8Array(1) });
    const first = store.transact([], [put('first')]);
    await Promise.resolve();
    const second = store.transact([], [put('second')]);
    await store.close();
    expect([await first, await second]).toEqual([1n, 2n]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a watcher that throws fails its transaction, and none after it', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'elanus-test-'));
  const store = new LmdbMetaStore(folder, await loadLmdb());
  const watch = store.watch('a/', () => {
    throw new Error('a mistake of the watcher');
  });
  const put = (key: string): Promise<bigint | undefined> =>
    store.transact([], [{ kind: 'put', key, value: new Uint8Array([1]) }]);
  await expect(put('a/1')).rejects.toThrow('a mistake of the watcher');
  watch.cancel();
  expect(await put('a/2')).toBe(2n);
  await store.close();
  await rm(folder, { recursive: true });
});
