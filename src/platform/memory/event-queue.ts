// Events ordered by (time, sequence): a binary heap. Cancelled ones are skipped when they come up.
import type { Timer } from '#platform/time.js';

export interface SimulatedEvent {
  readonly time: number;
  readonly sequence: number;
  readonly run: () => void;
  cancelled: boolean;
}

const isBefore = (a: SimulatedEvent, b: SimulatedEvent): boolean =>
  a.time < b.time || (a.time === b.time && a.sequence < b.sequence);

export class EventQueue {
  readonly #heap: SimulatedEvent[] = [];
  #sequence = 0;
  #live = 0;

  get size(): number {
    return this.#live;
  }

  add(time: number, run: () => void): Timer {
    const event: SimulatedEvent = { time, sequence: this.#sequence++, run, cancelled: false };
    this.#live++;
    let at = this.#heap.push(event) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = this.#heap[up] as SimulatedEvent;
      if (!isBefore(event, parent)) break;
      this.#heap[at] = parent;
      at = up;
    }
    this.#heap[at] = event;
    return {
      cancel: () => {
        if (event.cancelled) return;
        event.cancelled = true;
        this.#live--;
      },
    };
  }

  /** Removes and gives the first event at or before `limit`. */
  take(limit: number): SimulatedEvent | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (!first.cancelled && first.time > limit) return undefined;
      this.#removeFirst();
      if (first.cancelled) continue;
      first.cancelled = true; // A later cancel of a fired timer must not count.
      this.#live--;
      return first;
    }
    return undefined;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= this.#heap.length) break;
      if (
        down + 1 < this.#heap.length &&
        isBefore(this.#heap[down + 1] as SimulatedEvent, this.#heap[down] as SimulatedEvent)
      )
        down++;
      const child = this.#heap[down] as SimulatedEvent;
      if (!isBefore(child, last)) break;
      this.#heap[at] = child;
      at = down;
    }
    this.#heap[at] = last;
  }
}
