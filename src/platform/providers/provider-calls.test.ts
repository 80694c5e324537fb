// Calls of services outside on simulated time: what is asked again and when, what ends with its caller, how many are under way.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { neverAborted } from '#base/on-abort.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { HttpClient, OutboundResponse } from '#platform/outside/http-client.js';
import { ProviderCalls } from './provider-calls.js';

const answer = (status: number, body: string, headers = {}): OutboundResponse => ({
  status,
  headers,
  body: new TextEncoder().encode(body),
});
const call = {
  provider: 'p',
  url: 'http://model.test/embed',
  body: { texts: ['a'] },
  headers: async () => ({ authorization: 'Bearer secret' }),
  secrets: ['secret'],
};

function setUp(post: HttpClient['post']) {
  const cluster = simulatedCluster(1);
  const sentMs: number[] = [];
  const http: HttpClient = {
    post(request, signal) {
      sentMs.push(Math.round(platform.clock.monotonic()));
      return post(request, signal);
    },
  };
  const platform = openMemoryPlatform({ cluster, host: 'a', http });
  const calls = new ProviderCalls(platform);
  const run = <T>(work: Promise<T>): Promise<T> => cluster.world.runUntil(work);
  return { calls, run, sentMs, platform };
}

const keyOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'answered',
    (error: unknown) => (error instanceof ElanusError ? error.key : String(error)),
  );
/** Never answers; ends as fetch does. */
const silent: HttpClient['post'] = (_request, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });

describe('calls of services outside', () => {
  it.each([408, 429, 500, 503])('status %i is asked again, with pauses that grow', async (status) => {
    const { calls, run, sentMs } = setUp(async () =>
      sentMs.length < 3 ? answer(status, 'busy') : answer(200, '{"ok":1}'),
    );
    expect(await run(calls.post(call, { signal: neverAborted }))).toEqual({ ok: 1 });
    const [first = 0, second = 0, third = 0] = sentMs;
    expect(second - first).toBeGreaterThanOrEqual(500);
    expect(second - first).toBeLessThanOrEqual(1500);
    expect(third - second).toBeGreaterThanOrEqual(1000);
    expect(third - second).toBeLessThanOrEqual(3000);
  });

  it('shows no key that has the end of its line with it, which no service sees', async () => {
    const { calls, run } = setUp(async () => answer(401, 'wrong key: secret'));
    const failure = await run(
      calls.post({ ...call, secrets: ['secret\n', ' '] }, { signal: neverAborted }).catch(String),
    );
    expect(failure).toContain('wrong key: ***');
  });

  it('gives up after three attempts, and at once where asking again does not help', async () => {
    const busy = setUp(async () => answer(503, 'busy'));
    expect(await busy.run(keyOf(busy.calls.post(call, { signal: neverAborted })))).toBe(
      'provider_unavailable',
    );
    expect(busy.sentMs).toHaveLength(3);
    for (const response of [answer(400, 'no'), answer(302, ''), answer(200, 'no JSON')]) {
      const wrong = setUp(async () => response);
      expect(await wrong.run(keyOf(wrong.calls.post(call, { signal: neverAborted })))).toBe(
        'function_failed',
      );
      expect(wrong.sentMs).toHaveLength(1);
    }
  });

  it('waits as long as the service asks for, unless that is too long', async () => {
    const asked = setUp(async () =>
      asked.sentMs.length < 2 ? answer(429, '', { 'retry-after': '7' }) : answer(200, '1'),
    );
    expect(await asked.run(calls(asked))).toBe('answered');
    expect((asked.sentMs[1] ?? 0) - (asked.sentMs[0] ?? 0)).toBe(7000);
    const long = setUp(async () => answer(429, '', { 'retry-after': '3600' }));
    expect(await long.run(calls(long))).toBe('provider_unavailable');
    expect(long.sentMs).toHaveLength(1);
  });
  const calls = (world: ReturnType<typeof setUp>): Promise<string> =>
    keyOf(world.calls.post(call, { signal: neverAborted }));

  it('an attempt without an answer ends, and so does everything with its caller', async () => {
    const hung = setUp(silent);
    expect(await hung.run(calls(hung))).toBe('provider_unavailable');
    expect(hung.sentMs).toHaveLength(3);
    const gone = setUp(silent);
    const caller = new AbortController();
    const work = keyOf(gone.calls.post(call, { signal: caller.signal }));
    gone.platform.timers.after(10, () => caller.abort());
    expect(await gone.run(work)).toBe('cancelled');
    expect(gone.sentMs).toHaveLength(1);
  });

  it('does not ask again when the deadline comes first', async () => {
    const busy = setUp(async () => answer(503, 'busy'));
    const deadlineMs = busy.platform.clock.now() + 400;
    expect(await busy.run(keyOf(busy.calls.post(call, { signal: neverAborted, deadlineMs })))).toBe(
      'provider_unavailable',
    );
    expect(busy.sentMs).toHaveLength(1);
  });

  it('has a bound on calls under way and on those that wait, who go when their caller goes', async () => {
    const world = setUp(silent);
    const caller = new AbortController();
    const all = Array.from({ length: 16 + 1024 + 1 }, () =>
      keyOf(world.calls.post(call, { signal: caller.signal })),
    );
    expect(await world.run(all.at(-1) ?? Promise.resolve(''))).toBe('queue_full');
    expect(world.sentMs).toHaveLength(16);
    caller.abort();
    expect(new Set(await world.run(Promise.all(all.slice(0, -1))))).toEqual(new Set(['cancelled']));
    expect(world.sentMs).toHaveLength(16);
    const after = keyOf(world.calls.post(call, { signal: AbortSignal.abort() }));
    expect(await world.run(after)).toBe('cancelled');
  });

  it('shows what the service said without the key', async () => {
    const { calls: ours, run } = setUp(async () => answer(401, `key secret is wrong ${'x'.repeat(5000)}`));
    const error = await run(ours.post(call, { signal: neverAborted }).catch((thrown: unknown) => thrown));
    expect(String(error)).toContain('errs:[401, key *** is wrong');
    expect(String(error).length).toBeLessThan(600);
  });
});
