// Leaves of a filter by an ordered index: comparisons, ranges, `in`, patterns with a beginning, and what arrays contain, as runs of values.
import type { TextMatcher } from '#expr/evaluate/text/matchers.js';
import { likeMatcher, regexMatcher, worstNanos } from '#expr/evaluate/text/matchers.js';
import { type Leaf, type LikePattern, type Literal, TEXTS_MAX, type ValueSet } from '#expr/typed.js';
import { type LeafAnswer, NO_ROWS } from './leaf-answer.js';
import type { Bound, OrderedIndex, ValueRun } from './ordered-index.js';
import { lengthOf, placesOf, type Value } from './value-list.js';

const utf8 = new TextEncoder();

/** Distinct texts that are tried one by one against a pattern, where each stands for so many rows or more. */
const TRIED_MAX = 16_384;
const ROWS_PER_TEXT_MIN = 8;
/** Nanoseconds that trying them may take at worst: nothing can rest meanwhile. Columns are read in slices, and by threads. */
const TRIED_NANOS_MAX = 20e6;

/** Values of a set that are looked up one by one, in some milliseconds and without a rest; longer sets go by the columns, which are read in slices. */
export const SET_MAX = TEXTS_MAX;

export interface ValueFacts {
  readonly index: OrderedIndex;
  /** Every value is what the rows have: none was rounded. */
  readonly isExact: boolean;
  /** The type of the values that were taken at a JSON path: no other can be answered. Undefined for a field, whose literals fit it. */
  readonly only: 'bool' | 'double' | 'text' | undefined;
}

/** @param leaf asks the indexed values; of `!=` the answer is that of `==` */
export function answerByValues(facts: ValueFacts, leaf: Leaf): LeafAnswer | undefined {
  switch (leaf.kind) {
    case 'compare':
      return compared(facts, leaf);
    case 'range': {
      const [lower, upper] = [valueIn(facts, leaf.lower), valueIn(facts, leaf.upper)];
      if (lower === undefined || upper === undefined) return undefined;
      return runsAnswer(facts, [between(facts, [lower, leaf.lowerInclusive], [upper, leaf.upperInclusive])]);
    }
    case 'in': {
      const values = valuesIn(facts, leaf.values);
      return values && runsAnswer(facts, runsOf(facts, values));
    }
    case 'like':
      return matched(facts, leaf.pattern);
    case 'regex':
      return facts.index.parts.values.form === 'text' ? tried(facts, regexMatcher(leaf.source)) : undefined;
    case 'contains':
      return contained(facts, leaf.values, leaf.mode);
    default:
      return undefined;
  }
}

function compared(facts: ValueFacts, { op, value: literal }: Leaf & { readonly kind: 'compare' }) {
  const value = valueIn(facts, literal);
  if (value === undefined) return undefined;
  switch (op) {
    case '==':
    case '!=':
      return runsAnswer(facts, [between(facts, [value, true], [value, true])]);
    case '<':
    case '<=':
      return runsAnswer(facts, [between(facts, undefined, [value, op === '<='])]);
    case '>':
    case '>=':
      return runsAnswer(facts, [between(facts, [value, op === '>='], undefined)]);
  }
}

type Side = readonly [value: Value, isInclusive: boolean];

/** Where values were rounded, bounds are rounded too and included: rounding keeps an order, but may make two values one. */
function between({ index, isExact }: ValueFacts, lower: Side | undefined, upper: Side | undefined): ValueRun {
  const boundOf = (side: Side | undefined): Bound | undefined => {
    if (side === undefined) return undefined;
    const [value, isInclusive] = side;
    if (isExact || value instanceof Uint8Array) return { value, isInclusive };
    return { value: Number(value), isInclusive: true };
  };
  return index.between(boundOf(lower), boundOf(upper));
}

/** The literal as the index has its values; undefined: it is of another type. */
function valueIn({ index, only }: ValueFacts, literal: Literal): Value | undefined {
  const isText = index.parts.values.form === 'text';
  switch (literal.type) {
    case 'text':
      return isText ? utf8.encode(literal.value) : undefined;
    case 'bool':
      return isText || only === 'double' ? undefined : Number(literal.value);
    case 'list':
      return undefined;
    default:
      return isText || only === 'bool' ? undefined : literal.value;
  }
}

/** All of a set; undefined: some are of another type, or there are too many. */
function valuesIn(facts: ValueFacts, set: ValueSet): Value[] | undefined {
  const { bools, ints, doubles, texts, lists } = set;
  const { only } = facts;
  if (lists.length > 0 || bools.length + ints.length + doubles.length + texts.length > SET_MAX)
    return undefined;
  if ('numbers' in texts) return undefined;
  if (facts.index.parts.values.form === 'text')
    return bools.length + ints.length + doubles.length > 0
      ? undefined
      : texts.map((text) => utf8.encode(text));
  if (texts.length > 0 || (only === 'double' && bools.length > 0)) return undefined;
  if (only === 'bool' && ints.length + doubles.length > 0) return undefined;
  return [...bools.map(Number), ...ints, ...doubles];
}

/** A run for each value that is there. */
function runsOf({ index, isExact }: ValueFacts, values: readonly Value[]): ValueRun[] {
  // Where values were rounded, those that are asked for are rounded, too.
  const asked = isExact
    ? values
    : values.map((value) => (value instanceof Uint8Array ? value : Number(value)));
  const places = placesOf(index.parts.values, asked);
  return Array.from({ length: places.length / 2 }, (_, at) => ({
    ...{ begin: places[at * 2] as number, end: places[at * 2 + 1] as number },
  }));
}

function runsAnswer({ index, isExact }: ValueFacts, runs: readonly ValueRun[]): LeafAnswer {
  let rowsMax = 0;
  for (const run of runs) rowsMax += index.countRows(run);
  return {
    rowsMax: Math.min(rowsMax, index.parts.rowCount),
    isExact,
    addTo(bits) {
      for (const run of runs) index.addRows(run, bits);
    },
  };
}

function matched(facts: ValueFacts, pattern: LikePattern): LeafAnswer | undefined {
  const { index } = facts;
  if (index.parts.values.form !== 'text') return undefined;
  switch (pattern.kind) {
    case 'exact':
      return runsAnswer(facts, [index.equalTo(utf8.encode(pattern.text))]);
    case 'prefix':
      return runsAnswer(facts, [index.beginningWith(utf8.encode(pattern.text))]);
    default: {
      const answer = tried(facts, likeMatcher(pattern));
      if (answer !== undefined || pattern.kind !== 'general') return answer;
      const [first] = pattern.parts;
      if (first?.kind !== 'text') return undefined;
      const run = index.beginningWith(utf8.encode(first.text));
      return runsAnswer({ ...facts, isExact: false }, [run]);
    }
  }
}

/** Where few texts stand for many rows, each of them is tried once. */
function tried(facts: ValueFacts, matcher: TextMatcher): LeafAnswer | undefined {
  const { values, rowCount } = facts.index.parts;
  const count = lengthOf(values);
  if (values.form !== 'text' || count > TRIED_MAX || count * ROWS_PER_TEXT_MIN > rowCount) return undefined;
  if (worstNanos(matcher, count, values.bytes.length) > TRIED_NANOS_MAX) return undefined;
  const runs: ValueRun[] = [];
  for (let at = 0; at < count; at++) {
    const [begin, end] = [values.offsets[at] as number, values.offsets[at + 1] as number];
    if (matcher.test(values.bytes, begin, end)) runs.push({ begin: at, end: at + 1 });
  }
  return runsAnswer(facts, runs);
}

function contained(facts: ValueFacts, set: ValueSet, mode: 'all' | 'any'): LeafAnswer | undefined {
  const values = valuesIn(facts, set);
  if (values === undefined) return undefined;
  // A set of no values asks for an array, and which rows have one is not known here.
  if (values.length === 0) return undefined;
  const runs = runsOf(facts, values);
  if (mode === 'any' || values.length === 1) return runsAnswer(facts, runs);
  return runs.length < values.length ? NO_ROWS : allOf(facts, runs);
}

/** Rows that are in each of the runs. */
function allOf({ index, isExact }: ValueFacts, runs: readonly ValueRun[]): LeafAnswer {
  const ordered = [...runs].sort((a, b) => index.countRows(a) - index.countRows(b));
  const rowsMax = index.countRows(ordered[0] as ValueRun);
  if (rowsMax === 0) return NO_ROWS;
  return {
    rowsMax,
    isExact,
    addTo(bits) {
      const both = new Uint32Array(bits.length);
      index.addRows(ordered[0] as ValueRun, both);
      const one = new Uint32Array(bits.length);
      for (const run of ordered.slice(1)) {
        one.fill(0);
        index.addRows(run, one);
        for (let at = 0; at < both.length; at++) both[at] = (both[at] as number) & (one[at] as number);
      }
      for (let at = 0; at < bits.length; at++) bits[at] = (bits[at] as number) | (both[at] as number);
    },
  };
}
