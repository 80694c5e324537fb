// Rounds that were asked for, some at a time. After a start everything that is loaded needs one, and thousands at once would hold up the one
// that somebody waits for, and grow a heap that stays large. What each rests on is asked for many together, before they begin, so that a
// round that succeeds is a proof for the looks (`steady-looks.ts`).
import { endedSoon, type Timers } from '#platform/time.js';

export const ROUNDS_AT_ONCE = 64;
/** However long some of them take, the next ones begin after this time, in ms: what they wait for may be a node that is gone. */
const ROUNDS_MS_MAX = 50;

export interface RoundQueueParts {
  readonly timers: Timers;
  /** What a round of each would rest on, as far as anybody says. */
  readonly bases: (collectionIds: readonly bigint[]) => Promise<ReadonlyMap<bigint, string>>;
  /** Never rejects. */
  readonly round: (collectionId: bigint, basis: string | undefined) => Promise<void>;
}

export class RoundQueue {
  readonly #parts: RoundQueueParts;
  readonly #waiting = new Set<bigint>();
  /** Those of the waiting ones for which somebody waits. */
  readonly #urgent = new Set<bigint>();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(parts: RoundQueueParts) {
    this.#parts = parts;
  }

  ask(collectionId: bigint): void {
    if (this.#closed) return;
    this.#waiting.add(collectionId);
    this.#running ??= this.#drain();
  }

  /** If it waits, it is among the next. */
  hurry(collectionId: bigint): void {
    if (this.#waiting.has(collectionId)) this.#urgent.add(collectionId);
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
  }

  async #drain(): Promise<void> {
    const { timers, bases, round } = this.#parts;
    // Those of one turn go together.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const some = this.#take();
      const found = await bases(some).catch(() => new Map<bigint, string>());
      if (this.#closed) break;
      await endedSoon(timers, Promise.all(some.map((id) => round(id, found.get(id)))), ROUNDS_MS_MAX);
      // Calls in one process are no turn of the event loop: whoever hurries one along comes in here.
      if (this.#waiting.size > 0) await timers.yield();
    }
    this.#running = undefined;
  }

  #take(): readonly bigint[] {
    const some: bigint[] = [];
    for (const ids of [this.#urgent, this.#waiting])
      for (const id of ids) {
        if (some.length === ROUNDS_AT_ONCE) return some;
        this.#urgent.delete(id);
        if (this.#waiting.delete(id)) some.push(id);
      }
    return some;
  }
}
