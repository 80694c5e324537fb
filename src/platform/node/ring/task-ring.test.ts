// Both sides of the ring on one thread: what one of them does between two steps of the other is what a thread does that gets its core late.
import { expect, test } from 'vitest';
import { RingThread, type RingThreadParts } from './ring-thread.js';
import { AWAKE, AWAY, SLOTS } from './ring-words.js';
import type { Frame } from './task-frames.js';
import { TaskRing } from './task-ring.js';

const frame = (id = 1): Frame => ({
  ...{ id, task: 'double', regions: [], constant: { by: 2 }, arrays: ['values'], users: 0, isRefused: false },
});
const task = (id: number, ...values: number[]) => ({
  ...{ id, task: 'double', regions: [], micros: 50, input: { by: 2, values: Float32Array.from(values) } },
});
type Task = ReturnType<typeof task>;

/** @param step milliseconds from one look at the clock to the next: with 11 a thread goes to its event loop behind each look */
function both(step = 11, parts: Partial<RingThreadParts> = {}) {
  const ring = new TaskRing<Task>();
  const events: unknown[] = [];
  const laters: (() => void)[] = [];
  let now = 0;
  const thread = new RingThread(ring.shared, 0, {
    isBusy: () => false,
    now: () => (now += step),
    later: (then) => laters.push(then),
    wake: () => events.push('wake'),
    answered: (slot, output) => events.push({ slot, output }),
    failed: (slot, thrown) => events.push({ slot, thrown }),
    ...parts,
  });
  const ran: unknown[] = [];
  const run = (input: unknown): unknown => {
    ran.push(input);
    const { by, values } = input as { by: number; values: Float32Array };
    return { values: values.map((value) => value * by), count: values.length };
  };
  const know = (id = 1): void => thread.addFrame({ id, constant: { by: 2 }, arrays: ['values'], run });
  const taken = (): unknown[] => {
    const all: unknown[] = [];
    ring.takeAnswers(({ id }, output) => all.push([id, output]));
    return all;
  };
  /** A turn of the thread's event loop. */
  const turn = (): void => {
    for (const then of laters.splice(0)) then();
  };
  return { ring, thread, events, laters, ran, know, taken, turn };
}

test('the oldest is run first on either side, each once', () => {
  const { ring, thread, ran, know, taken, turn } = both();
  know();
  const of = frame();
  for (let id = 1; id <= 4; id++) expect(ring.put(task(id, id, 0.5), of)).toBe(true);
  expect(of.users).toBe(4);
  expect(ring.unclaimed()).toEqual({ count: 4, micros: 200 });
  thread.attend();
  expect(ring.claimOldest(1)).toBeUndefined();
  expect(ring.claimOldest()).toMatchObject({ id: 2 });
  turn();
  expect(taken()).toEqual([1, 3].map((id) => [id, { values: Float32Array.of(2 * id, 1), count: 2 }]));
  expect(ring.claimOldest()).toMatchObject({ id: 4 });
  expect(ring.claimOldest()).toBeUndefined();
  turn();
  expect([ring.used, of.users, ran.length]).toEqual([0, 0, 2]);
  expect(ring.claimsOf(0)).toBe(2);
});

test('slots are used again in their order; a full ring and what is too large are refused', () => {
  const { ring, thread, know, taken, turn } = both();
  know();
  for (let id = 0; id < 40; id++) {
    expect(ring.put(task(id, id), frame())).toBe(true);
    thread.attend();
    turn();
    expect(taken()).toEqual([[id, { values: Float32Array.of(2 * id), count: 1 }]]);
  }
  for (let id = 0; id < SLOTS; id++) expect(ring.put(task(id), frame())).toBe(true);
  expect(ring.hasRoom).toBe(false);
  expect(ring.put(task(99), frame())).toBe(false);
  expect(ring.claimOldest()).toMatchObject({ id: 0 });
  expect(ring.put({ ...task(99), input: { by: 2, values: new Float32Array(1 << 14) } }, frame())).toBe(false);
  expect(ring.put(task(100), frame())).toBe(true);
});

test('a task that takes long keeps its slot and holds up no others; one that is offered is not passed', () => {
  const { ring, thread, know, taken, turn } = both();
  thread.addFrame({ id: 2, constant: {}, arrays: ['values'], run: () => new Promise(() => {}) });
  know();
  ring.put(task(0, 0), frame(2));
  thread.attend();
  turn();
  for (let id = 1; id <= 40; id++) {
    expect(ring.put(task(id, id), frame())).toBe(true);
    turn();
    expect(taken()).toEqual([[id, { values: Float32Array.of(2 * id), count: 1 }]]);
  }
  for (let id = 41; ring.hasRoom; id++) ring.put(task(id, id), frame());
  expect(ring.used).toBe(SLOTS);
  for (let id = 41; id < 40 + SLOTS; id++) expect(ring.claimOldest()).toMatchObject({ id });
  expect(ring.takeLost(0)).toMatchObject([{ id: 0 }]);
  expect(ring.used).toBe(0);
});

test('numbers of frames outgrow a word', () => {
  const { ring, thread, ran, know, turn } = both();
  for (const id of [2 ** 31 + 5, 2 ** 33 + 5]) {
    know(id);
    ring.put(task(1, 1), frame(id));
    thread.attend();
    turn();
    thread.dropFrame(id);
    ring.put(task(2, 1), frame(id));
    turn();
    expect(ring.claimOldest()).toMatchObject({ id: 2 });
  }
  expect(ran).toHaveLength(2);
});

test('whoever waits for answers is woken once, and does not wait for what is there', () => {
  const { ring, thread, events, know, taken, turn } = both();
  know();
  ring.put(task(1, 1), frame());
  expect(ring.sleep()).toBe(false); // It could be run here.
  thread.attend();
  expect(ring.sleep()).toBe(false); // It is answered.
  expect(events).toEqual([]);
  taken();
  expect(ring.sleep()).toBe(true);
  for (const id of [2, 3]) ring.put(task(id, 1), frame());
  turn();
  turn();
  expect(events).toEqual(['wake']);
  expect(taken()).toHaveLength(2);
});

test('a thread that does not know the frame gives the task back, and says so', () => {
  const { ring, thread, events, ran, know, turn } = both();
  ring.put(task(1, 1), frame(7));
  ring.sleep();
  Atomics.store(new Int32Array(ring.shared), 1, 1);
  thread.attend();
  expect([ran, events]).toEqual([[], ['wake']]);
  know(7);
  turn();
  expect(ran).toHaveLength(1);
  thread.dropFrame(7);
  ring.put(task(2, 1), frame(7));
  turn();
  expect(ring.claimOldest()).toMatchObject({ id: 2 });
});

test('messages come before tasks, and a long task before all of them', () => {
  let isBusy = false;
  const { ring, thread, ran, know, turn } = both(11, { isBusy: () => isBusy });
  know();
  ring.put(task(1, 1), frame());
  ring.noteMail(0);
  thread.attend();
  expect([ran.length, ring.placeOf(0)]).toEqual([0, AWAKE]);
  thread.noteMessage();
  isBusy = true;
  turn();
  expect([ran.length, ring.placeOf(0)]).toEqual([0, AWAY]);
  isBusy = false;
  thread.attend();
  expect(ran).toHaveLength(1);
});

test('without tasks it waits for a while and goes to its event loop', () => {
  const { ring, thread, laters, know } = both(0.05);
  know();
  ring.put(task(1, 1), frame());
  thread.attend();
  expect([ring.placeOf(0), laters]).toEqual([AWAY, []]);
});

test('an answer that is no object of arrays, or comes late, or is an error goes as a message; lost ones are those of the thread', async () => {
  const { ring, thread, events, turn } = both();
  const outputs = [() => 'text', () => Promise.resolve(5), () => Promise.reject(new Error('late'))];
  const run = (): unknown => {
    const next = outputs.shift();
    if (next === undefined) throw new Error('boom');
    return next();
  };
  thread.addFrame({ id: 1, constant: {}, arrays: ['values'], run });
  for (let id = 1; id <= 5; id++) ring.put(task(id), frame());
  thread.attend();
  for (let at = 0; at < 3; at++) turn();
  for (let at = 0; at < 4; at++) await Promise.resolve();
  expect(events).toEqual([
    { slot: 0, output: 'text' },
    { slot: 3, thrown: new Error('boom') },
    { slot: 1, output: 5 },
    { slot: 2, thrown: new Error('late') },
  ]);
  expect(ring.takeSent(0)).toMatchObject({ id: 1 });
  expect(ring.takeSent(0)).toBeUndefined();
  expect(ring.takeLost(1)).toEqual([]);
  expect(ring.takeLost(0).map(({ id }) => id)).toEqual([2, 3, 4]);
  expect(ring.takeAll().map(({ id }) => id)).toEqual([5]);
  expect(ring.used).toBe(0);
});
