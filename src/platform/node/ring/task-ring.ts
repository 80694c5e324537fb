// The calling thread's side of the ring: short tasks that it offers to threads, takes back to run them itself, and whose answers it reads.
import { must } from '#base/assert.js';
import { FlatBytes, FlatObjects, isFlatArray } from './flat-values.js';
import * as ring from './ring-words.js';
import type { Frame, FramedTask } from './task-frames.js';

/** What is known of a task beside what threads need. */
export interface RingTask extends FramedTask {
  /** In the order in which they came. */
  readonly id: number;
  readonly micros: number;
}

interface Held<Task> {
  readonly task: Task;
  readonly frame: Frame;
}

export class TaskRing<Task extends RingTask> {
  readonly shared = ring.makeRing();
  readonly #words = ring.wordsOf(this.shared);
  readonly #payloads = ring.payloadsOf(this.shared).map((bytes) => new FlatBytes(bytes));
  readonly #objects = new FlatObjects();
  readonly #held: (Held<Task> | undefined)[] = Array.from({ length: ring.SLOTS }, () => undefined);
  #tail = 0;
  #used = 0;

  /** Tasks that nobody has answered. */
  get used(): number {
    return this.#used;
  }

  get hasRoom(): boolean {
    return this.#nextSlot() !== undefined;
  }

  /** Slots of threads that get no core are left out, so that others go on. @returns undefined: each has a task, or it would pass one that is offered */
  #nextSlot(): number | undefined {
    for (let at = 0; at < ring.SLOTS; at++) {
      const slot = ring.slotAt(this.#tail, at);
      if (this.#held[slot] === undefined) return slot;
      if (Atomics.load(this.#words, ring.stateOf(slot)) === ring.OFFERED) return undefined;
    }
    return undefined;
  }

  /** Threads that have its frame may claim it from now on. @returns false: there is no room */
  put(task: Task, frame: Frame): boolean {
    const slot = this.#nextSlot();
    if (slot === undefined) return false;
    if (!writeArrays(must(this.#payloads[slot], 'a payload'), task.input, frame)) return false;
    this.#held[slot] = { task, frame };
    this.#used++;
    frame.users++;
    this.#tail = ring.slotAt(slot, 1);
    this.#words[ring.frameOf(slot)] = frame.id;
    Atomics.store(this.#words, ring.TAIL, this.#tail);
    Atomics.store(this.#words, ring.stateOf(slot), ring.OFFERED);
    return true;
  }

  /** Says that something was offered, or sent. */
  ring(): void {
    Atomics.add(this.#words, ring.BELL, 1);
  }

  /** Threads that wait look again. */
  wakeWaiting(count: number): void {
    Atomics.notify(this.#words, ring.BELL, count);
  }

  placeOf(thread: number): number {
    return Atomics.load(this.#words, ring.placeOf(thread));
  }

  claimsOf(thread: number): number {
    return Atomics.load(this.#words, ring.claimsOf(thread));
  }

  noteCalled(thread: number): void {
    Atomics.store(this.#words, ring.placeOf(thread), ring.CALLED);
  }

  noteMail(thread: number): void {
    Atomics.add(this.#words, ring.mailOf(thread), 1);
    this.ring();
    if (this.placeOf(thread) === ring.WAITING) this.wakeWaiting(Infinity);
  }

  /** A thread of that number begins. */
  forget(thread: number): void {
    for (const word of [ring.mailOf(thread), ring.placeOf(thread), ring.claimsOf(thread)])
      Atomics.store(this.#words, word, 0);
  }

  /** Tasks that nobody has come to, and what they are worth. */
  unclaimed(): { readonly count: number; readonly micros: number } {
    let count = 0;
    let micros = 0;
    for (const [slot, held] of this.#held.entries()) {
      if (held === undefined || Atomics.load(this.#words, ring.stateOf(slot)) !== ring.OFFERED) continue;
      count++;
      micros += held.task.micros;
    }
    return { count, micros };
  }

  /** The oldest that nobody has come to is the calling thread's now. @param before only one that came before that one */
  claimOldest(before = Infinity): Task | undefined {
    for (let at = 0; at < ring.SLOTS && this.#used > 0; at++) {
      const slot = ring.slotAt(this.#tail, at);
      const held = this.#held[slot];
      if (held === undefined) continue;
      const state = ring.stateOf(slot);
      if (Atomics.load(this.#words, state) !== ring.OFFERED) continue;
      if (held.task.id > before) return undefined;
      if (Atomics.compareExchange(this.#words, state, ring.OFFERED, ring.FREE) !== ring.OFFERED) continue;
      return this.#empty(slot);
    }
    return undefined;
  }

  /** Reads what was answered, the oldest first. */
  takeAnswers(settle: (task: Task, output: unknown) => void): void {
    for (let at = 0; at < ring.SLOTS && this.#used > 0; at++) {
      const slot = ring.slotAt(this.#tail, at);
      if (this.#held[slot] === undefined) continue;
      if (Atomics.load(this.#words, ring.stateOf(slot)) !== ring.ANSWERED) continue;
      const output = this.#objects.read(must(this.#payloads[slot], 'a payload'));
      const task = this.#empty(slot);
      if (task !== undefined) settle(task, output);
    }
  }

  /** Its answer came as a message. */
  takeSent(slot: number): Task | undefined {
    return this.#empty(slot);
  }

  /** What a thread that is gone had claimed and not answered. */
  takeLost(thread: number): Task[] {
    const lost: Task[] = [];
    for (let slot = 0; slot < ring.SLOTS; slot++) {
      if (Atomics.load(this.#words, ring.stateOf(slot)) !== ring.THERE + thread) continue;
      const task = this.#empty(slot);
      if (task !== undefined) lost.push(task);
    }
    return lost;
  }

  /** All of them, when the threads have ended or will. */
  takeAll(): Task[] {
    const all: Task[] = [];
    for (const held of this.#held) if (held !== undefined) all.push(held.task);
    this.#held.fill(undefined);
    this.#used = 0;
    return all;
  }

  /** Whoever answers next sends a message. @returns false: there is something to do already */
  sleep(): boolean {
    Atomics.store(this.#words, ring.SLEEPS, 1);
    for (let slot = 0; slot < ring.SLOTS; slot++) {
      const state = Atomics.load(this.#words, ring.stateOf(slot));
      if (this.#held[slot] === undefined || (state !== ring.ANSWERED && state !== ring.OFFERED)) continue;
      this.awake();
      return false;
    }
    return true;
  }

  awake(): void {
    Atomics.store(this.#words, ring.SLEEPS, 0);
  }

  #empty(slot: number): Task | undefined {
    const held = this.#held[slot];
    if (held === undefined) return undefined;
    Atomics.store(this.#words, ring.stateOf(slot), ring.FREE);
    this.#held[slot] = undefined;
    this.#used--;
    held.frame.users--;
    return held.task;
  }
}

function writeArrays(payload: FlatBytes, input: unknown, { arrays }: Frame): boolean {
  payload.begin();
  const parts = input as Readonly<Record<string, unknown>>;
  for (const name of arrays) {
    const array = parts[name];
    if (!isFlatArray(array) || !payload.writeArray(array)) return false;
  }
  return true;
}
