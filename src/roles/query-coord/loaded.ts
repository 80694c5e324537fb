// What query-coord keeps of each loaded collection in memory: how far it is served, and what its round waits for.
import type { Wait } from '#model/states/explained.js';
import { beginLoad, type Load, type LoadDefinition } from '#model/states/load.js';
import type { Clock, Timer } from '#platform/time.js';

export interface Loaded {
  /** The record that this rests on, the same object as the held one. */
  readonly definition: LoadDefinition;
  load: Load;
  timer: Timer | undefined;
  retryMs: number;
  /** A round is asked for and has not begun. */
  isQueued: boolean;
  readonly watch: LoadWatch;
  readonly proof: LoadProof;
}

export const RETRY_MS_MIN = 20;
export const RETRY_MS_MAX = 3000;

export const freshly = (definition: LoadDefinition, clock: Pick<Clock, 'now'>): Loaded => ({
  definition,
  load: beginLoad(definition),
  timer: undefined,
  retryMs: RETRY_MS_MIN,
  isQueued: false,
  watch: new LoadWatch(clock),
  proof: new LoadProof(),
});

/** The round that was asked for, or was to come after a pause. */
export function beginRound(loaded: Loaded): void {
  loaded.timer?.cancel();
  loaded.timer = undefined;
  loaded.isQueued = false;
  loaded.proof.begin();
}

/** Loads that were asked for and have no record yet: there may be nobody who knows whether they fit. */
export class AskedLoads {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #waits = new Map<bigint, Wait>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** One at a time for each collection. */
  async during<T>(collectionId: bigint, waitsFor: string, work: Promise<T>): Promise<T> {
    this.#waits.set(collectionId, { waitsFor, sinceMs: this.#clock.now() });
    return work.finally(() => this.#waits.delete(collectionId));
  }

  of(collectionId: bigint): Wait | undefined {
    return this.#waits.get(collectionId);
  }
}

/** However long nothing changes, a whole round comes after this time, in ms: nothing rests on one proof for ever. */
export const PROVED_MS_MAX = 1_800_000;

/** On what the last round rested, if a look asked for that round and it succeeded. */
export class LoadProof {
  #asked: string | undefined;
  #begun: string | undefined;
  #basis: string | undefined;
  #sinceMs = 0;

  /** @param basis as it is before the round that is asked for; undefined: nobody knows */
  ask(basis: string | undefined): void {
    this.#asked = basis;
  }

  /** A round begins. Until it succeeds nothing is proved. */
  begin(): void {
    this.#begun = this.#asked;
    this.#asked = undefined;
    this.#basis = undefined;
  }

  served(nowMs: number): void {
    this.#basis = this.#begun;
    this.#sinceMs = nowMs;
  }

  holds(basis: string | undefined, nowMs: number): boolean {
    return basis !== undefined && basis === this.#basis && nowMs - this.#sinceMs < PROVED_MS_MAX;
  }
}

export class LoadWatch {
  readonly #clock: Pick<Clock, 'now'>;
  readonly sinceMs: number;
  /** What the round that runs waits for, and whether it brings what was not served. */
  step: (Wait & { readonly brings: boolean }) | undefined;
  /** Rounds fail, and none has succeeded since: when the first one ended, and when the next one begins. */
  failing: { readonly sinceMs: number; readonly retryAtMs: number } | undefined;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.sinceMs = clock.now();
  }

  note(waitsFor: string, brings: boolean): void {
    this.step = { waitsFor, brings, sinceMs: this.#clock.now() };
  }

  served(): void {
    this.step = undefined;
    this.failing = undefined;
  }

  failed(retryMs: number): void {
    const now = this.#clock.now();
    this.step = undefined;
    this.failing = { sinceMs: this.failing?.sinceMs ?? now, retryAtMs: now + retryMs };
  }
}
