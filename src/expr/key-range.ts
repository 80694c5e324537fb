// A filter that bounds the primary key, as pages of an iterator do (`pk > 7 and …`), in two parts: the range of keys, and what is asked beside
// it. The second part is the same object for every page, so what a segment keeps of it serves all pages.
import type { Leaf, Literal, Predicate, PredicateFilter } from './typed.js';

export interface KeyBound {
  readonly key: bigint | string;
  readonly inclusive: boolean;
}

export interface KeyRange {
  readonly lower: KeyBound | undefined;
  readonly upper: KeyBound | undefined;
  /** What rows within the bounds must pass besides; undefined: nothing. */
  readonly rest: PredicateFilter | undefined;
}

/** Characters of the second part; a longer one would cost more to compare than to evaluate. */
const REST_LENGTH_MAX = 4096;
const RESTS_MAX = 64;

const ranges = new WeakMap<PredicateFilter, KeyRange | 'none'>();
/** By the predicate as text. The one that was used longest ago comes first. */
const rests = new Map<string, PredicateFilter>();

/** Undefined: the filter does not bound the key, or says more than whether a row passes. */
export function keyRangeOf(filter: PredicateFilter, primaryId: bigint): KeyRange | undefined {
  const known = ranges.get(filter);
  if (known !== undefined) return known === 'none' ? undefined : known;
  const range = split(filter, primaryId);
  ranges.set(filter, range ?? 'none');
  return range;
}

function split(filter: PredicateFilter, primaryId: bigint): KeyRange | undefined {
  const { predicate, elements, sampleShare } = filter;
  if (elements !== undefined || sampleShare !== undefined) return undefined;
  const parts = predicate.kind === 'and' ? predicate.operands : [predicate];
  const at = parts.findIndex((part) => boundsOf(part, primaryId) !== undefined);
  const bounds = parts[at] && boundsOf(parts[at], primaryId);
  if (bounds === undefined) return undefined;
  const others = parts.filter((_, index) => index !== at);
  const [first, second] = others;
  if (first === undefined) return { ...bounds, rest: undefined };
  const rest = sharedFilter(second === undefined ? first : { kind: 'and', operands: others });
  return rest && { ...bounds, rest };
}

type Bounds = Pick<KeyRange, 'lower' | 'upper'>;

function boundsOf(predicate: Predicate, primaryId: bigint): Bounds | undefined {
  if (predicate.kind === 'range' && isKey(predicate, primaryId)) {
    const { lower, upper, lowerInclusive, upperInclusive } = predicate;
    return { lower: bound(lower, lowerInclusive), upper: bound(upper, upperInclusive) };
  }
  if (predicate.kind !== 'compare' || !isKey(predicate, primaryId)) return undefined;
  const { op, value } = predicate;
  if (op === '>' || op === '>=') return { lower: bound(value, op === '>='), upper: undefined };
  if (op === '<' || op === '<=') return { lower: undefined, upper: bound(value, op === '<=') };
  return undefined;
}

const isKey = (
  { operand, ...leaf }: Extract<Leaf, { readonly kind: 'compare' | 'range' }>,
  primaryId: bigint,
): boolean =>
  operand.kind === 'field' &&
  operand.field.fieldId === primaryId &&
  (leaf.kind === 'compare' ? isKeyLiteral(leaf.value) : isKeyLiteral(leaf.lower) && isKeyLiteral(leaf.upper));

const isKeyLiteral = ({ type }: Literal): boolean => type === 'int' || type === 'text';

const bound = (literal: Literal, inclusive: boolean): KeyBound | undefined =>
  literal.type === 'int' || literal.type === 'text' ? { key: literal.value, inclusive } : undefined;

/** The same predicate again gives the same filter again. Undefined: it is too long to be compared. */
function sharedFilter(predicate: Predicate): PredicateFilter | undefined {
  const text = JSON.stringify(predicate, (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'number' && !Number.isFinite(value)) return `${value}`;
    return ArrayBuffer.isView(value) ? [...(value as BigInt64Array)].map(String) : value;
  });
  if (text.length > REST_LENGTH_MAX) return undefined;
  const filter = rests.get(text) ?? { kind: 'predicate', predicate };
  rests.delete(text);
  const oldest = rests.keys().next();
  if (rests.size >= RESTS_MAX && oldest.done !== true) rests.delete(oldest.value);
  rests.set(text, filter);
  return filter;
}
