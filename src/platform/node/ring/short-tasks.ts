// Short tasks of callers side by side: the calling thread takes the oldest one after another, and threads that have nothing else to do take
// the oldest of those that they were offered. Whoever comes to a task first claims it, so nobody waits for a thread that gets no core
// (ADR 0099, 0121).
import type { Deferred } from '#base/async.js';
import { ownTimers } from '#platform/node/node-time.js';
import type { SharedRegion } from '#platform/workers.js';
import type { OfferedTask } from './shared-tasks.js';

const { nextTick, queueMicrotask: behindPromises, setImmediate: behindTurn } = ownTimers;

export interface ShortTask extends OfferedTask {
  readonly regions: readonly SharedRegion[];
  readonly signal: AbortSignal | undefined;
  readonly result: Deferred<unknown>;
}

/** Who has threads, and runs what is claimed here. */
export interface ShortTasksParts {
  run(task: ShortTask): void;
  /** Offers what of it is worth that to threads, and takes it out. @param from so many, the oldest, stay here */
  offer(waiting: ShortTask[], from: number): void;
  /** Settles what threads have answered. @returns what it was worth in microseconds; 0: nothing was */
  takeAnswers(): number;
  /** The oldest that was offered and no thread has come to. @param before only one that came before that one */
  claimOldest(before: number | undefined): ShortTask | undefined;
  /** Tasks that were offered and are not settled. */
  offered(): number;
  /** `step` is called when something is answered. @returns false: something is already */
  sleep(): boolean;
  awake(): void;
}

/** The most that runs here between two looks at the network. */
const TURN_MICROS_MAX = 2000;
/** From so much on it is asked when the turn ends. Until then it may be the work of several turns: to ask in each would cost a short search a tenth. */
const ASKED_MICROS = 1000;
/** Where callers come one after another, each so many tasks are looked at whether others came beside one; where so many had none, no more are. */
const ALONE_LOOK = 64;
const ALONE_MIN = 16;

export class ShortTasks {
  readonly #parts: ShortTasksParts;
  readonly #waiting: ShortTask[] = [];
  #isDue = false;
  #turnMicros = 0;
  /** One caller after another: there is nothing to be shared. */
  #isAlone = true;
  #atOnce = 0;
  #single = 0;

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
    if (before < ASKED_MICROS && this.#turnMicros >= ASKED_MICROS) behindTurn(this.#beginTurn);
  }

  /** Behind what runs now: by then callers side by side have brought theirs. */
  add(task: ShortTask): void {
    this.#waiting.push(task);
    this.beDue();
  }

  /** What was not offered. */
  takeWaiting(): ShortTask[] {
    return this.#waiting.splice(0);
  }

  beDue(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (this.#turnMicros < TURN_MICROS_MAX) behindPromises(this.#behindAll); // Else when the turn ends.
  }

  /** Ticks come before what waits in promises; one that is asked for from there comes when nothing waits in them any more. */
  readonly #behindAll = (): void => nextTick(this.#step);

  readonly #step = (): void => {
    this.#isDue = false;
    this.#parts.awake();
    const waiting = this.#waiting;
    const answered = this.#parts.takeAnswers();
    if (answered > 0) {
      // Their callers bring more, which threads are to have before this one computes.
      this.#count(answered);
      this.#parts.offer(waiting, 0);
      this.beDue();
      return;
    }
    this.#single = waiting.length > 1 || this.#parts.offered() > 0 ? 0 : this.#single + 1;
    this.#isAlone = this.#single >= ALONE_MIN || (this.#isAlone && this.#single > 0);
    this.#parts.offer(waiting, 1);
    const task = this.#parts.claimOldest(waiting[0]?.id) ?? waiting.shift();
    if (task !== undefined) {
      this.#count(task.micros);
      this.#parts.run(task);
    }
    // What follows upon its answer comes before the next task.
    if (waiting.length > 0 || (this.#parts.offered() > 0 && (task !== undefined || !this.#parts.sleep())))
      this.beDue();
  };

  readonly #beginTurn = (): void => {
    this.#turnMicros = 0;
    if (this.#isDue) this.#step();
  };
}
