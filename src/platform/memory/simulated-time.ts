// A world with its own time. Nothing waits: `run` takes the earliest event, sets the clock to it, runs it, and lets every promise
// that followed settle before the next. The same seed and the same program give the same run.
import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import { nextFloat, type Random, seededRandom } from '#base/random.js';
import type { Clock, Timer, Timers } from '#platform/time.js';
import { EventQueue } from './event-queue.js';
import { type TurnBounds, TurnWatch } from './turn-watch.js';

export interface SimulatedWorldOptions {
  readonly seed: number;
  /** Wall clock at the start, milliseconds since the epoch. */
  readonly startMs?: number;
  readonly bounds?: TurnBounds;
}

export class SimulatedWorld {
  readonly random: Random;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly #events = new EventQueue();
  /** What never ends at one instant breaks off what runs. */
  readonly watch: TurnWatch;
  readonly #startMs: number;
  #elapsed = 0;

  constructor(options: SimulatedWorldOptions) {
    this.random = seededRandom(options.seed);
    this.watch = new TurnWatch(options.bounds);
    this.#startMs = options.startMs ?? 1_700_000_000_000;
    this.clock = {
      now: () => {
        this.watch.use();
        return Math.floor(this.now);
      },
      monotonic: () => {
        this.watch.use();
        return this.#elapsed;
      },
    };
    this.timers = simulatedTimers(this);
  }

  /** Wall clock, with fractions. */
  get now(): number {
    return this.#startMs + this.#elapsed;
  }

  /** Events that wait. */
  get pending(): number {
    return this.#events.size;
  }

  /** Equal times run in the order of the calls. */
  schedule(delayMs: number, run: () => void): Timer {
    this.watch.timer();
    return this.#events.add(this.#elapsed + Math.max(delayMs, 0), run);
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + nextFloat(this.random) * (high - low);
  }

  /** Runs all events up to `untilMs` of the wall clock, then sets the clock to it. */
  async run(untilMs: number): Promise<void> {
    await this.#settle();
    while (this.#step(untilMs - this.#startMs)) await this.#settle();
    this.#elapsed = Math.max(this.#elapsed, untilMs - this.#startMs);
  }

  /** `run` for a span from now on. */
  advance(spanMs: number): Promise<void> {
    return this.run(this.now + spanMs);
  }

  /**
   * Runs events until the promise settles, and gives its outcome.
   * @throws deadline_exceeded after `limitMs` of virtual time; internal when no event is left that could settle it
   */
  async runUntil<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    const limit = this.#elapsed + limitMs;
    for (await this.#settle(); !settled; await this.#settle()) {
      if (this.#step(limit)) continue;
      if (this.#events.size > 0)
        throw new ElanusError(
          'deadline_exceeded',
          `simulation: not settled within ${limitMs} ms of virtual time`,
        );
      throw new ElanusError(
        'internal',
        'simulation: the promise waits, but no event is left that could settle it',
      );
    }
    return promise;
  }

  /** One real turn of the event loop: the queue of microtasks is empty afterwards. */
  async #settle(): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.watch.end();
  }

  #step(limit: number): boolean {
    const event = this.#events.take(limit);
    if (event === undefined) return false;
    this.#elapsed = Math.max(this.#elapsed, event.time);
    this.watch.event(this.#elapsed);
    event.run();
    return true;
  }
}

/** @param alive asked when a timer fires: the timers of a crashed process stay silent */
export function simulatedTimers(world: SimulatedWorld, alive: () => boolean = () => true): Timers {
  const after = (delayMs: number, run: () => void): Timer =>
    world.schedule(delayMs, () => {
      if (alive()) run();
    });
  return {
    after,
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        const stop = (): void => {
          timer.cancel();
          reject(new ElanusError('cancelled', 'sleep: cancelled by its signal'));
        };
        const timer = after(delayMs, () => {
          forget?.();
          resolve();
        });
        const forget = signal === undefined ? undefined : onAbort(signal, stop);
      }),
    yield: () => new Promise((resolve) => void after(0, resolve)),
  };
}
