// Short tasks of callers side by side: the calling thread takes the oldest one after another, and a thread that has nothing else to do takes the
// newest of a batch that it was offered. Whoever comes to a task first claims it, so nobody waits for a thread that gets no core (ADR 0099).
import { nextTick } from 'node:process';
import type { Deferred } from '#base/async.js';
import type { SharedRegion } from '#platform/workers.js';

export interface ShortTask {
  /** In the order in which they came. */
  readonly id: number;
  readonly task: string;
  readonly input: unknown;
  readonly regions: readonly SharedRegion[];
  readonly signal: AbortSignal | undefined;
  readonly micros: number;
  readonly result: Deferred<unknown>;
}

/** What a thread was offered, until it has answered. */
export interface Batch {
  readonly tasks: readonly ShortTask[];
  /** Shared with the thread: by the place of a task whether somebody has claimed it. */
  readonly claims: Int32Array;
}

/** Who has threads, and runs what is claimed here. */
export interface ShortTasksParts {
  run(task: ShortTask): void;
  /** Gives a batch to a thread that is idle. @returns what it was given; undefined: none is idle */
  offer(tasks: readonly ShortTask[]): Batch | undefined;
}

/** Who has claimed a task of a batch. */
const CLAIMED_HERE = 1;
const CLAIMED_THERE = 2;
/** The most of a batch. */
export const BATCH_MAX = 8;
/** What a batch has to be worth: making it and taking its answer in cost the calling thread some 20 microseconds, and waking the thread more. */
const OFFERED_MICROS_MIN = 80;
/** The most that runs here between two looks at the network. */
const TURN_MICROS_MAX = 2000;
/** From so much on it is asked when the turn ends. Until then it may be the work of several turns: to ask in each would cost a short search a tenth. */
const ASKED_MICROS = 1000;
/** Where callers come one after another, each so many tasks are looked at whether others came beside one; where so many had none, no more are. */
const ALONE_LOOK = 64;
const ALONE_MIN = 16;
/** A thread that came too late for everything is left alone for so many batches, twice as many each time. */
const SKIPPED_MAX = 64;

export class ShortTasks {
  readonly #parts: ShortTasksParts;
  readonly #waiting: ShortTask[] = [];
  readonly #offered = new Set<Batch>();
  #isDue = false;
  #turnMicros = 0;
  /** One caller after another: there is nothing to be shared. */
  #isAlone = true;
  #atOnce = 0;
  #single = 0;
  #skipped = 0;
  #toSkip = 0;

  constructor(parts: ShortTasksParts) {
    this.#parts = parts;
  }

  /** Whether it is run now, before anybody knows what else comes. What is, is counted. */
  takesAtOnce(micros: number): boolean {
    if (!this.#isAlone || this.#isDue || this.#turnMicros + micros > TURN_MICROS_MAX) return false;
    if (++this.#atOnce % ALONE_LOOK === 0) return false;
    this.#count(micros);
    return true;
  }

  #count(micros: number): void {
    const before = this.#turnMicros;
    this.#turnMicros += Math.max(1, micros);
    if (before < ASKED_MICROS && this.#turnMicros >= ASKED_MICROS) setImmediate(this.#beginTurn);
  }

  /** Behind what runs now: by then callers side by side have brought theirs. */
  add(task: ShortTask): void {
    this.#waiting.push(task);
    this.#beDue();
  }

  /** All that nobody has claimed. */
  takeAll(): ShortTask[] {
    const all = this.#waiting.splice(0);
    for (const batch of this.#offered)
      for (let task = claimed(batch); task; task = claimed(batch)) all.push(task);
    return all;
  }

  /** The thread has answered, or is lost. @param ran how many of them it has claimed */
  ended(batch: Batch, ran: number): void {
    this.#offered.delete(batch);
    this.#skipped = ran > 0 ? 0 : Math.min(SKIPPED_MAX, this.#skipped * 2 + 1);
    this.#toSkip = this.#skipped;
    if (this.#waiting.length > 0) this.#beDue();
  }

  /** Its thread is gone: what nobody had claimed is run here. @returns what the thread had claimed */
  lost(batch: Batch): ShortTask[] {
    const left: ShortTask[] = [];
    for (let task = claimed(batch); task; task = claimed(batch)) left.push(task);
    this.#waiting.unshift(...left);
    this.ended(batch, 0);
    return batch.tasks.filter((_, at) => batch.claims[at] === CLAIMED_THERE);
  }

  #beDue(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (this.#turnMicros < TURN_MICROS_MAX) nextTick(this.#step); // Else when the turn ends.
  }

  readonly #step = (): void => {
    this.#isDue = false;
    this.#single = this.#waiting.length > 1 || this.#offered.size > 0 ? 0 : this.#single + 1;
    this.#isAlone = this.#single >= ALONE_MIN || (this.#isAlone && this.#single > 0);
    this.#offer();
    const task = this.#oldest();
    if (task === undefined) return;
    this.#count(task.micros);
    this.#parts.run(task);
    // What follows upon its answer comes before the next task.
    if (this.#waiting.length > 0 || this.#offered.size > 0) this.#beDue();
  };

  readonly #beginTurn = (): void => {
    this.#turnMicros = 0;
    if (this.#isDue) this.#step();
  };

  #offer(): void {
    const count = Math.min(BATCH_MAX, this.#waiting.length - 1);
    if (count < 2) return;
    let micros = 0;
    for (let at = this.#waiting.length - count; at < this.#waiting.length; at++)
      micros += this.#waiting[at]?.micros ?? 0;
    if (micros < OFFERED_MICROS_MIN) return;
    if (this.#toSkip > 0) {
      this.#toSkip--;
      return;
    }
    const batch = this.#parts.offer(this.#waiting.slice(-count));
    if (batch === undefined) return;
    this.#waiting.splice(-count);
    this.#offered.add(batch);
  }

  #oldest(): ShortTask | undefined {
    const [first] = this.#waiting;
    for (const batch of this.#offered) {
      const task = claimed(batch, first?.id);
      if (task !== undefined) return task;
    }
    return this.#waiting.shift();
  }
}

/** The oldest task of a batch that nobody has claimed, which is this thread's now. @param before only one that came before that one */
function claimed({ tasks, claims }: Batch, before = Infinity): ShortTask | undefined {
  for (const [at, task] of tasks.entries()) {
    if (task.id > before) return undefined;
    if (Atomics.load(claims, at) === 0 && Atomics.compareExchange(claims, at, 0, CLAIMED_HERE) === 0)
      return task;
  }
  return undefined;
}
