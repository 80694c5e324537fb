// Calls that come again are carried out once: by the same process, by the one that takes over, after a transaction whose outcome got lost.
import { expect, test } from 'vitest';
import { deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { neverAborted } from '#base/on-abort.js';
import { commitChanges } from '#catalog/held-records.js';
import { idKey } from '#catalog/record-table.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { MetaStore } from '#platform/meta-store.js';
import type { CallContext } from '#platform/transport.js';
import { SessionRecord } from '#proto/elanus/data.js';
import { NumberedCalls, type OpenCall } from './numbered-calls.js';
import { SESSION_PREFIX } from './own-session.js';
import { Receipts } from './receipts.js';

const PREFIX = 'role/receipt/';
const empty: CallContext = { signal: neverAborted, metadata: {} };

/** A role that counts how often it carries calls out, and a caller with a session. */
async function world() {
  const platform = openMemoryPlatform({ cluster: simulatedCluster(3), host: 'here' });
  const session = `${SESSION_PREFIX}${idKey(7n)}`;
  const value = SessionRecord.encode(SessionRecord.fromPartial({ serverId: 7n })).finish();
  await platform.metaStore.transact([], [{ kind: 'put', key: session, value }]);
  const calls = new NumberedCalls(7n);
  let store: MetaStore = platform.metaStore;
  // The receipts of one life share one store, as the catalog that they are written with does.
  const open = async (metaStore = platform.metaStore) => {
    store = metaStore;
    const receipts = new Receipts({ ...platform, metaStore }, PREFIX);
    await receipts.load();
    return receipts;
  };
  const state = { receipts: await open(), carriedOut: 0 };
  return {
    platform,
    state,
    calls,
    session,
    open,
    kept: async () => (await platform.metaStore.range(PREFIX)).length,
    send: (call: OpenCall) =>
      state.receipts.once(call.context(empty), 'change', async (receipt) => {
        await commitChanges(store, receipt());
        state.carriedOut++;
      }),
  };
}

const unavailable = expect.objectContaining({ key: 'service_unavailable' });

test('a call that was carried out is not carried out again, also not by the next process', async () => {
  const { state, calls, send, open } = await world();
  const call = calls.begin();
  await send(call);
  await send(call);
  expect(state.carriedOut).toBe(1);
  state.receipts = await open();
  await send(call);
  expect(state.carriedOut).toBe(1);
});

test('a transaction whose answer got lost is found when the call comes again', async () => {
  const { state, calls, send, open, platform } = await world();
  let isCut = false;
  const { metaStore } = platform;
  const gone = () => Promise.reject(new ElanusError('service_unavailable', 'the store is away'));
  state.receipts = await open({
    get: (key) => (isCut ? gone() : metaStore.get(key)),
    range: (prefix) => metaStore.range(prefix),
    watch: (prefix, onEvent) => metaStore.watch(prefix, onEvent),
    transact: async (compares, operations) => {
      const revision = await metaStore.transact(compares, operations);
      return isCut ? gone() : revision;
    },
  });
  await send(calls.begin());
  const call = calls.begin();
  isCut = true;
  await expect(send(call)).rejects.toEqual(unavailable);
  isCut = false;
  await send(call);
  expect(state.carriedOut).toBe(1); // The one before: this one was durable at its first try.
});

test('two tries at the same time are one', async () => {
  const { state, calls, platform } = await world();
  const context = calls.begin();
  const gate = deferred<void>();
  let begun = 0;
  const send = () =>
    state.receipts.once(context.context(empty), 'change', async (receipt) => {
      begun++;
      await gate.promise;
      await commitChanges(platform.metaStore, receipt());
    });
  const both = [send(), send()];
  gate.resolve();
  await Promise.all(both);
  expect(begun).toBe(1);
});

test('receipts go when their calls have ended, many at a time, and a call that comes late is refused', async () => {
  const { state, calls, send, kept } = await world();
  const old = calls.begin();
  await send(old);
  old.end();
  for (let count = 0; count < 200; count++) {
    const call = calls.begin();
    await send(call);
    call.end();
  }
  expect(await kept()).toBeLessThan(40);
  const before = state.carriedOut;
  await expect(send(old)).rejects.toEqual(unavailable);
  expect(state.carriedOut).toBe(before);
});

test('while a call is open, receipts of later ones stay', async () => {
  const { calls, send, kept } = await world();
  const first = calls.begin();
  for (let count = 0; count < 50; count++) {
    const call = calls.begin();
    await send(call);
    call.end();
  }
  await send(first);
  expect(await kept()).toBe(51);
});

test('nothing is kept of a process whose session is over, and what it may have sent before is not carried out', async () => {
  const { state, calls, send, open, platform, session, kept } = await world();
  const call = calls.begin();
  await send(call);
  await platform.metaStore.transact([], [{ kind: 'delete', key: session }]);
  state.receipts = await open();
  expect(await kept()).toBe(0);
  await expect(send(call)).rejects.toEqual(unavailable);
  const next = calls.begin();
  await send(next);
  expect([state.carriedOut, await kept()]).toEqual([2, 0]);
});

test('a call without a number, or with one that is none, is carried out each time', async () => {
  const { state } = await world();
  let carriedOut = 0;
  for (const metadata of [{}, {}, { 'elanus-call': '7/1' }, { 'elanus-call': 'x/1/1/0' }])
    await state.receipts.once({ ...empty, metadata }, 'change', async () => {
      carriedOut++;
    });
  expect(carriedOut).toBe(4);
});
