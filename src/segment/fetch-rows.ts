// Rows by address: the output fields of hits. The cost grows with the rows and their bytes, in slices.
import { ElanusError } from '#base/errors.js';
import { ANSWER_BYTES_MAX, type AnswerKind, answerTooLarge } from '#model/answer-bounds.js';
import { batchBytes, concatBatches, gatherBatch } from '#model/columns/column.js';
import type { Pace } from '#platform/pace.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { SegmentData } from './segment-data.js';

/** Fetched at a time: of the widest vectors these are a few megabytes. */
const ROWS_AT_ONCE = 512;

/**
 * In the order asked.
 * @throws segment_not_found when a segment is not here (any more); invalid_parameter above the bound of an answer; cancelled, deadline_exceeded
 */
export async function fetchRows(
  segmentOf: (id: bigint) => SegmentData | undefined,
  segmentIds: BigInt64Array,
  rows: Uint32Array,
  fieldIds: readonly bigint[],
  kind: AnswerKind,
  pace: Pace,
): Promise<ColumnBatch> {
  let bytes = 0;
  const order = new Uint32Array(rows.length);
  let base = 0;
  const fetchOf = async (id: bigint, places: readonly number[]): Promise<ColumnBatch[]> => {
    const batches: ColumnBatch[] = [];
    for (let begin = 0; begin < places.length; begin += ROWS_AT_ONCE) {
      if (begin > 0 && pace.isDue) await pace.rest();
      // Asked for again after each pause: it may have gone.
      const data = segmentOf(id);
      if (data === undefined)
        throw new ElanusError('segment_not_found', `segment ${id} is not served here any more; search again`);
      const some = places.slice(begin, begin + ROWS_AT_ONCE);
      const batch = await data.fetchAll(
        Uint32Array.from(some, (place) => rows[place] ?? 0),
        fieldIds,
      );
      bytes += batchBytes(batch);
      if (bytes > ANSWER_BYTES_MAX) throw answerTooLarge(kind);
      batches.push(batch);
    }
    return batches;
  };
  const reads: Promise<ColumnBatch[]>[] = [];
  for (const [id, places] of placesBySegment(segmentIds)) {
    for (const place of places) order[place] = base++;
    reads.push(fetchOf(id, places));
  }
  const batches = (await Promise.all(reads)).flat();
  if (batches.length === 0) return { rowCount: 0, columns: [] };
  if (pace.isDue) await pace.rest();
  const all = concatBatches(batches);
  return order.every((from, place) => from === place) ? all : gatherBatch(all, order);
}

function placesBySegment(segmentIds: BigInt64Array): Map<bigint, number[]> {
  const bySegment = new Map<bigint, number[]>();
  for (let at = 0; at < segmentIds.length; at++) {
    const id = segmentIds[at] as bigint;
    const places = bySegment.get(id);
    if (places === undefined) bySegment.set(id, [at]);
    else places.push(at);
  }
  return bySegment;
}
