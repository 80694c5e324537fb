// How large an answer may be. Each number alone has a bound of its own (nq, limit, offset); these hold for their products.
import { ElanusError } from '#base/errors.js';

/** Hits of all queries of a search: nq × (offset + limit). They are held several times on their way, about 100 bytes each. */
export const RESULT_ENTRIES_MAX = 1 << 20;
/** Bytes of the output fields of an answer; Milvus has the same bound by default. */
export const ANSWER_BYTES_MAX = 104_857_600;

/** @throws invalid_parameter */
export function checkResultEntries(nq: number, topK: number): void {
  if (nq * topK <= RESULT_ENTRIES_MAX) return;
  throw new ElanusError(
    'invalid_parameter',
    `number of result entries is too large: ${nq} queries times ${topK} hits, expected at most ${RESULT_ENTRIES_MAX}; send fewer queries at a time or a smaller limit: invalid parameter`,
  );
}

export type AnswerKind = 'search' | 'query';
export const answerTooLarge = (kind: AnswerKind): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    `${kind} results exceed the maxOutputSize Limit ${ANSWER_BYTES_MAX}; ask for fewer rows or fields at a time: invalid parameter`,
  );
