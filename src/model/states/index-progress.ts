// How far an index of a collection is. Its definition has no state of its own (it is in the collection's record or is not); what clients see
// follows from the segments that have no file of it yet:
//
//   building ──all flushed segments have a file──▶ finished
//      │  ▲                                           │ a segment is flushed
//      │  └───────────────────────────────────────────┘
//      │ a build failed for good     ┌── its segment is built after all, or is gone ──▶ building, finished
//      └──────────────────────▶ failed
//
// root-coord derives it on each question (index-reconciler.ts); nothing of it is stored.
export interface IndexFailure {
  readonly segmentId: bigint;
  readonly reason: string;
  /** Trying again brings nothing. */
  readonly isFinal: boolean;
}

export type IndexProgress =
  | { readonly state: 'finished' }
  /** A failure that is tried again is reported while it lasts. */
  | { readonly state: 'building'; readonly pendingRows: bigint; readonly failure: IndexFailure | undefined }
  | { readonly state: 'failed'; readonly pendingRows: bigint; readonly failure: IndexFailure };

/** @param failure of a segment that has no file */
export function indexProgress(pendingRows: bigint, failure: IndexFailure | undefined): IndexProgress {
  if (pendingRows === 0n) return { state: 'finished' };
  if (failure?.isFinal === true) return { state: 'failed', pendingRows, failure };
  return { state: 'building', pendingRows, failure };
}
