// Which segments a search of a field goes over: those that have rows and the field. A field that came later is in no row of older segments, and
// that is an answer; what a function makes each row will have, so that a search which left rows out would be wrong.
import { ElanusError } from '#base/errors.js';
import type { ReadableSegment } from './readable-segment.js';

/** @throws outputs_not_ready */
export function segmentsWith(
  segments: readonly ReadableSegment[],
  fieldId: bigint,
): readonly ReadableSegment[] {
  const found = segments.filter(({ data }) => data.rowCount > 0 && data.hasField(fieldId));
  if (found.length < segments.length) refuseLacking(segments, fieldId);
  return found;
}

function refuseLacking(segments: readonly ReadableSegment[], fieldId: bigint): void {
  for (const { id, data } of segments) {
    if (data.rowCount === 0 || data.hasField(fieldId)) continue;
    const made = data.schema.functions.find(({ outputFieldIds }) => outputFieldIds.includes(fieldId));
    if (made === undefined) continue;
    throw new ElanusError(
      'outputs_not_ready',
      `function ${made.name} came later, and segment ${id} has not yet what it makes of its ${data.rowCount} rows; search this field when the backfill is done (explain compaction shows how far it is)`,
    );
  }
}
