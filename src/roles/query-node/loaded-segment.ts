// A segment that a query-node serves, and what is known of its indexes. In which order its parts come, and who may use what meanwhile:
//
//     loading ──rows whole, deletes applied──▶ served by scans ──indexes attached──▶ served by indexes
//        └── meanwhile its indexes are opened, apart from it (`ahead`): nobody searches them before they are attached
import { ElanusError } from '#base/errors.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import type { IndexesAhead } from '#segment/files/indexes-ahead.js';
import type { ReadableSegment } from '#segment/readable-segment.js';

export interface LoadedSegment extends ReadableSegment {
  /** Monotonic. */
  searchedMs: number;
  /** With the indexes that it should have; undefined: none were loaded. */
  indexed: SegmentRecord | undefined;
  /** They were given up for something else; a search asks for them again. */
  isEvicted: boolean;
  /** Time at which a search may try that next. */
  restoreMs: number;
  readonly record: SegmentRecord;
  /** Indexes that were opened along with the rows, until they are asked for. */
  ahead: IndexesAhead | undefined;
}

export function letGo(segment: LoadedSegment | undefined): void {
  segment?.ahead?.drop();
  segment?.data.release();
}

export const outdated = (segmentId: bigint): ElanusError =>
  new ElanusError(
    'service_not_ready',
    `segment ${segmentId}: a newer load of it began, or it was released; fetch the target again`,
  );
