// Which index builds failed, why, and when each is tried again. In memory only: after a restart every missing index is simply tried anew.
import { ElanusError, messageOf } from '#base/errors.js';

/** Between two attempts of one build, in ms: doubled after each failure. */
const RETRY_MS_MIN = 5000;
const RETRY_MS_MAX = 300_000;
/** Longest wait while a peer is away: it may be back any moment. */
const AWAY_MS_MAX = 20_000;

export interface IndexFailure {
  readonly collectionId: bigint;
  readonly segmentId: bigint;
  readonly indexId: bigint;
  readonly reason: string;
  /** No peer is merely away: it will not get better by itself. Clients that wait for the index should hear of it. */
  readonly isFinal: boolean;
  readonly pauseMs: number;
  readonly isPausing: boolean;
  /** When the first try failed, and when the last one did, in wall-clock ms. */
  readonly sinceMs: number;
  readonly failedMs: number;
}

type Build = Pick<IndexFailure, 'collectionId' | 'segmentId' | 'indexId'>;
const keyOf = ({ segmentId, indexId }: Pick<Build, 'segmentId' | 'indexId'>): string =>
  `${segmentId}/${indexId}`;

export class IndexFailures {
  readonly #failures = new Map<string, IndexFailure>();

  /** Whether the build may be tried: it never failed, or its pause is over. */
  isDue(build: Build): boolean {
    return this.#failures.get(keyOf(build))?.isPausing !== true;
  }

  /** By the timer that was set for it, not by the clock: the two differ by a fraction of a millisecond, and the clock may jump. */
  pauseOver(build: Build): void {
    const failure = this.#failures.get(keyOf(build));
    if (failure !== undefined) this.#failures.set(keyOf(build), { ...failure, isPausing: false });
  }

  failed(build: Build, error: unknown, nowMs: number): IndexFailure {
    const before = this.#failures.get(keyOf(build));
    const { collectionId, segmentId, indexId } = build;
    const isFinal = !(error instanceof ElanusError) || error.spec.retry === 'never';
    const pauseMs =
      before === undefined
        ? RETRY_MS_MIN
        : Math.min(isFinal ? RETRY_MS_MAX : AWAY_MS_MAX, before.pauseMs * 2);
    const failure = {
      collectionId,
      segmentId,
      indexId,
      reason: messageOf(error),
      isFinal,
      pauseMs,
      isPausing: true,
      sinceMs: before?.sinceMs ?? nowMs,
      failedMs: nowMs,
    };
    this.#failures.set(keyOf(build), failure);
    return failure;
  }

  succeeded(build: Build): void {
    this.#failures.delete(keyOf(build));
  }

  /** Forgets the collection's builds that nobody wants any more. */
  keepOnly(collectionId: bigint, isWanted: (failure: IndexFailure) => boolean): void {
    for (const [key, failure] of this.#failures)
      if (failure.collectionId === collectionId && !isWanted(failure)) this.#failures.delete(key);
  }

  /** Failures of an index, those that will not mend themselves first. */
  of(indexId: bigint): readonly IndexFailure[] {
    return [...this.#failures.values()]
      .filter((failure) => failure.indexId === indexId)
      .sort((a, b) => Number(b.isFinal) - Number(a.isFinal));
  }
}
