// When calls are made again, and when not: over a transport that fails as it is asked to, on simulated time.
import { describe, expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { Client, ClientError, DeadlineError, UnavailableError } from '#client/connect.js';
import type { ClientTransport } from '#client/transport.js';
import type { Timers } from '#platform/time.js';
import { Status } from '#proto/milvus/common.js';
import { MutationResult, QueryResults } from '#proto/milvus/milvus.js';
import { books, v } from './books.js';

type Answer = 'lost' | 'fine' | { readonly code: number; readonly retriable: boolean };

/** Time that passes only while somebody sleeps. */
function world(answers: readonly Answer[], share = 0) {
  const calls: string[] = [];
  const pauses: number[] = [];
  let now = 1_000_000;
  const timers: Timers = {
    after: () => ({ cancel: () => {} }),
    sleep: async (delayMs, signal) => {
      if (signal?.aborted) throw new ElanusError('cancelled', 'sleep: cancelled');
      pauses.push(delayMs);
      now += delayMs;
    },
    yield: async () => {},
  };
  const transport: ClientTransport = {
    call: async (method) => {
      const answer = answers[calls.length] ?? 'fine';
      calls.push(method);
      if (answer === 'lost') throw new ElanusError('service_unavailable', 'broke off');
      const status = Status.fromPartial(
        answer === 'fine' ? {} : { ...answer, errorCode: 1, reason: 'not now' },
      );
      const made =
        method === 'query' ? QueryResults.fromPartial({ status }) : MutationResult.fromPartial({ status });
      return made as never;
    },
    close: async () => {},
  };
  const clock = { now: () => now, monotonic: () => now };
  const client = new Client({ transport, clock, timers, random: { nextUint32: () => share * 2 ** 32 } });
  return { shelf: client.collection(books), calls, pauses };
}

const row = { id: 1n, title: 'a', price: 1, tags: [], v: v(1) };
const busy: Answer = { code: 8, retriable: true };
const moved: Answer = { code: 2, retriable: true };
const wrong: Answer = { code: 1100, retriable: false };

describe('a call that failed', () => {
  test('and was cancelled meanwhile has the reason of its signal as its cause', async () => {
    const { shelf, calls } = world([busy]);
    const giveUp = new AbortController();
    const reason = new Error('the reader left');
    const call = shelf.count({ signal: giveUp.signal });
    giveUp.abort(reason);
    await expect(call).rejects.toMatchObject({ name: 'CancelledError', cause: reason });
    expect(calls.length).toBe(1);
  });

  test('is made again after longer and longer pauses, a bounded number of times', async () => {
    const { shelf, calls, pauses } = world(['lost', busy, moved, 'fine']);
    expect(await shelf.count()).toBe(0);
    expect([calls.length, pauses]).toEqual([4, [50, 100, 200]]);
    const down = world(Array.from({ length: 9 }, () => 'lost'));
    await expect(down.shelf.count()).rejects.toBeInstanceOf(UnavailableError);
    expect(down.calls.length).toBe(5);
  });

  test('is made again sooner by chance, by up to a half of the pause', async () => {
    for (const [share, wanted] of [
      [0.5, [38, 75, 150]],
      [0.999999, [25, 50, 100]],
    ] as const) {
      const { shelf, pauses } = world(['lost', busy, moved, 'fine'], share);
      await shelf.count();
      expect(pauses).toEqual(wanted);
    }
  });

  test('is not made again when it is wrong', async () => {
    const { shelf, calls } = world([wrong]);
    await expect(shelf.count()).rejects.toMatchObject({ code: 1100, isRetriable: false });
    expect(calls.length).toBe(1);
  });

  test('is not made again beyond its time', async () => {
    const { shelf, calls } = world(['lost', 'lost', 'lost']);
    await expect(shelf.count({ timeoutMs: 120 })).rejects.toBeInstanceOf(ClientError);
    expect(calls.length).toBe(2);
  });

  test('an insert whose answer was lost is not made again, one that was refused unseen is', async () => {
    const lost = world(['lost']);
    await expect(lost.shelf.insert([row])).rejects.toBeInstanceOf(UnavailableError);
    expect(lost.calls).toEqual(['insert']);
    const unclear = world([moved]);
    await expect(unclear.shelf.insert([row])).rejects.toMatchObject({ code: 2 });
    expect(unclear.calls.length).toBe(1);
    const refused = world([busy, busy]);
    await refused.shelf.insert([row]);
    expect(refused.calls.length).toBe(3);
  });

  test('upserts and deletes do the same twice, so they are made again', async () => {
    const { shelf, calls } = world(['lost', 'fine', moved, 'fine']);
    await shelf.upsert([row]);
    await shelf.delete([1n]);
    expect(calls).toEqual(['upsert', 'upsert', 'delete', 'delete']);
  });

  test('a load that does not end is over at its deadline', async () => {
    const { shelf, calls } = world([]);
    await expect(shelf.load({ timeoutMs: 1000 })).rejects.toBeInstanceOf(DeadlineError);
    expect(calls.length).toBeLessThan(12);
  });
});
