// Runs the pieces of a long job through the workers, as many at a time as there are threads. Pieces are small, so that searches that
// wait for the same threads get their turn between them, and a cancelled job ends after the current piece.
import { ElanusError } from '#base/errors.js';

/** @param run gets the piece's number, and the number of the lane (0 to lanes - 1), which no other running piece has. */
export async function runLanes(
  pieces: number,
  lanes: number,
  run: (piece: number, lane: number) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async (number: number): Promise<void> => {
    while (next < pieces && !failed) {
      throwIfCancelled(signal);
      await run(next++, number).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  // All lanes have come to rest before the job ends: its memory is released then.
  const ends = await Promise.allSettled(Array.from({ length: Math.min(lanes, pieces) }, (_, i) => lane(i)));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new ElanusError(
      'cancelled',
      'the index build was cancelled, expected to run to its end; build it again',
    );
}
