// A segment as reads see it, growing or sealed.
import { type ReadTime, readTimeAt, timestampOf } from '#base/read-time.js';
import type { SegmentData } from './segment-data.js';

export interface ReadableSegment {
  readonly id: bigint;
  readonly data: SegmentData;
  /** Not 0: an imported segment, whose rows count as written then; it is visible as soon as it is served. */
  readonly commitTimestamp: bigint;
}

export const readTsFor = ({ commitTimestamp }: ReadableSegment, readTs: ReadTime): ReadTime =>
  commitTimestamp > timestampOf(readTs) ? readTimeAt(commitTimestamp, readTs) : readTs;
