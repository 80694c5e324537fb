// Finds work that goes round without end while the clock of a simulated world stands still: in one turn, where nothing else may run any more, or
// in turns of one instant that call each other. Real processes take a core and all memory then; here the run ends, and its error names the place.
import { ElanusError } from '#base/errors.js';

/** What may happen while time stands still: far above what happens in runs that are well, as docs/adr/0077 counts it. */
export interface TurnBounds {
  /** Looks at the clock, and timers that are set, in one turn. */
  readonly usesMax: number;
  /** Events at one instant. */
  readonly eventsMax: number;
}
const usualBounds: TurnBounds = { usesMax: 100_000, eventsMax: 10_000 };
/** Before the bound of events is reached, the last timers of the instant note where they came from. */
const TRACED_EVENTS = 8;

export class TurnWatch {
  /** Called when the turn goes on although it was thrown an error as often again: only the process can end it. */
  onEndless: (failure: ElanusError) => void = () => {};
  readonly #bounds: TurnBounds;
  #uses = 0;
  #events = 0;
  #instant = -1;
  #failure: ElanusError | undefined;
  #places: string[] = [];

  constructor(bounds: TurnBounds = usualBounds) {
    this.#bounds = bounds;
  }

  /** Something looked at the clock, or set a timer. @throws internal when the turn has no end */
  use(): void {
    const { usesMax } = this.#bounds;
    if (++this.#uses <= usesMax) return;
    const failure =
      this.#failure ?? this.#fail(`one turn used clock and timers ${usesMax} times`, placeOf(new Error()));
    if (this.#uses > 2 * usesMax) this.onEndless(failure);
    throw failure;
  }

  /** A timer was set. */
  timer(): void {
    this.use();
    if (this.#events > this.#bounds.eventsMax - TRACED_EVENTS) this.#places.push(placeOf(new Error()));
  }

  /** The turn is over. @throws internal when it was not by itself, and whoever went round caught what it was thrown */
  end(): void {
    this.#uses = 0;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  /** An event begins. @throws internal when there is no end of events at this instant */
  event(instant: number): void {
    if (instant !== this.#instant) {
      this.#instant = instant;
      this.#events = 0;
      this.#places = [];
    }
    if (++this.#events > this.#bounds.eventsMax) {
      const places = [...new Set(this.#places)].slice(-TRACED_EVENTS);
      this.#events = 0;
      throw this.#fail(`${this.#bounds.eventsMax} events came at one instant`, places.join('\n  or\n'));
    }
  }

  #fail(what: string, place: string): ElanusError {
    const fact = `simulation: ${what}, expected that time goes on; a loop waits for nothing:\n${place}`;
    this.#failure = new ElanusError('internal', fact);
    return this.#failure;
  }
}

/** The callers, without this file. */
const placeOf = ({ stack = '' }: Error): string =>
  stack
    .split('\n')
    .slice(1)
    .filter((line) => !/turn-watch|simulated-time/.test(line))
    .slice(0, 8)
    .join('\n');
