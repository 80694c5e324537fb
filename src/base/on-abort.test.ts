// Waiters of one signal: each is called once, none after it was taken back, and the signal carries one listener however many there are.
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { joinSignals, neverAborted, onAbort, unlessAborted } from './on-abort.js';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('onAbort', () => {
  it('calls all who wait, once, in their order, and none that has left', () => {
    const abort = new AbortController();
    const seen: number[] = [];
    const forget = Array.from({ length: 30 }, (_, i) => onAbort(abort.signal, () => seen.push(i)));
    expect(listeners(abort.signal)).toBe(1);
    for (const i of [3, 3, 29]) forget[i]?.();
    abort.abort();
    abort.abort();
    expect(seen).toEqual(Array.from({ length: 29 }, (_, i) => i).filter((i) => i !== 3));
  });
  it('hangs nothing on the signal that nobody aborts', async () => {
    const forget = onAbort(neverAborted, () => {});
    const joint = joinSignals([neverAborted]);
    expect(listeners(neverAborted)).toBe(0);
    forget();
    joint.release();
    expect(await unlessAborted(Promise.resolve(1), neverAborted, () => new Error())).toBe(1);
  });
  it('calls at once what comes late, and keeps a function that waits twice apart', () => {
    const abort = new AbortController();
    let calls = 0;
    const count = (): void => void calls++;
    const forget = onAbort(abort.signal, count);
    onAbort(abort.signal, count);
    forget();
    abort.abort();
    expect(calls).toBe(1);
    onAbort(abort.signal, count);
    expect(calls).toBe(2);
  });
  it('a waiter may take another back while they are called', () => {
    const abort = new AbortController();
    const seen: string[] = [];
    let forgetSecond = (): void => {};
    onAbort(abort.signal, () => forgetSecond());
    forgetSecond = onAbort(abort.signal, () => seen.push('second'));
    onAbort(abort.signal, () => seen.push('third'));
    abort.abort();
    expect(seen).toEqual(['third']);
  });
});

describe('who waits no more', () => {
  it('leaves nothing on the signal, and may come again', () => {
    const abort = new AbortController();
    let calls = 0;
    const forget = [1, 2].map(() => onAbort(abort.signal, () => calls++));
    for (const one of forget) one();
    expect(listeners(abort.signal)).toBe(0);
    onAbort(abort.signal, () => calls++);
    for (const one of forget) one();
    abort.abort();
    expect(calls).toBe(1);
  });
});

describe('joinSignals', () => {
  it('aborts with the first of its sources, also one that was aborted before', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const joint = joinSignals([one.signal, other.signal]);
    expect(joint.signal.aborted).toBe(false);
    other.abort();
    expect(joint.signal.aborted).toBe(true);
    expect(joinSignals([other.signal]).signal.aborted).toBe(true);
  });
  it('leaves nothing on its sources once it is released', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    joinSignals([one.signal, other.signal]).release();
    expect([listeners(one.signal), listeners(other.signal)]).toEqual([0, 0]);
  });
});

describe('unlessAborted', () => {
  it('is the outcome of the work, or the failure of the abort', async () => {
    const abort = new AbortController();
    const failure = (): Error => new Error('aborted');
    expect(await unlessAborted(Promise.resolve(1), abort.signal, failure)).toBe(1);
    await expect(unlessAborted(Promise.reject(new Error('own')), abort.signal, failure)).rejects.toThrow(
      'own',
    );
    const waiting = unlessAborted(new Promise(() => {}), abort.signal, failure);
    abort.abort();
    await expect(waiting).rejects.toThrow('aborted');
    await expect(unlessAborted(Promise.resolve(1), abort.signal, failure)).rejects.toThrow('aborted');
  });
});
