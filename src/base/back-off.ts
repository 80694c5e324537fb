// How long to wait before something that failed is tried again: longer each time, up to a bound.
export interface BackOff {
  readonly minMs: number;
  readonly maxMs: number;
}

/** For a catalog or a peer that does not take a change now: what waits is not lost, and no caller waits for it. */
export const catalogBackOff: BackOff = { minMs: 200, maxMs: 30_000 };

/** @returns the pause after the one of `pauseMs` */
export const longerPause = (pauseMs: number, { maxMs }: BackOff): number => Math.min(maxMs, pauseMs * 2);
