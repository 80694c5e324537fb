// Checks of a page of a search iterator, in Milvus's words. The second generation pages by the score of the last hit; the first sends ranges and
// filters of its own, and asks for nothing but a time that is held and an answer that leaves nothing out.
import { ElanusError } from '#base/errors.js';
import type { Random } from '#base/random.js';
import type { SearchIterator, SearchParams } from '#model/params/search-params.js';
import { type IteratorToken, parseToken } from './iterator-token.js';

/** A page of the second generation. */
export interface IteratorPage {
  readonly batchSize: number;
  /** Hits behind this score; undefined: from the best one on. */
  readonly lastBound: number | undefined;
  /** Undefined: the first page. */
  readonly token: IteratorToken | undefined;
}

const refuse = (text: string): never => {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
};

/** @throws invalid_parameter */
export function iteratorPage(
  { isV2, isV1, batchSize, lastBound, token }: SearchIterator,
  { offset }: Pick<SearchParams, 'offset'>,
): IteratorPage | undefined {
  if (!isV2) return undefined;
  if (!isV1) refuse('both iterator and search_iter_v2 must be set in the SDK');
  if (offset > 0) refuse('Setting an offset is not permitted when using a search iterator v2');
  const parsed = token === '' ? undefined : parseToken(token);
  // The page before may have ended among hits of its last score, which only its token says.
  if (parsed === undefined && lastBound !== undefined)
    refuse('parse iterator v2 info failed: search_iter_last_bound needs the search_iter_id of its answer');
  return {
    batchSize: batchSize ?? refuse('parse iterator v2 info failed: batch size is required'),
    lastBound,
    token: parsed,
  };
}

/** A random UUID, for the token of a first page. */
export function newTokenId(random: Random): string {
  const hex = Array.from({ length: 4 }, () => random.nextUint32().toString(16).padStart(8, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}
