// A segment as reads see it, growing or sealed.
import type { SegmentData } from './segment-data.js';

export interface ReadableSegment {
  readonly id: bigint;
  readonly data: SegmentData;
  /** Not 0: an imported segment, whose rows count as written then; it is visible as soon as it is served. */
  readonly commitTimestamp: bigint;
}

export const readTsFor = (segment: ReadableSegment, readTs: bigint): bigint =>
  segment.commitTimestamp > readTs ? segment.commitTimestamp : readTs;
