// What the files of a segment say of its row groups: with it a filter knows of a group, and often of the whole segment, that no row passes,
// before a row is read. All that is said here is "none": whatever is not known may pass.
import type { FieldRef, Leaf, Literal, ValueSet } from '#expr/typed.js';
import type {
  Bound,
  ChunkStatistics,
  RowGroupStatistics,
} from '#index/scalar/statistics/chunk-statistics.js';
import { hashOfKey } from '#index/scalar/statistics/key-hash.js';
import type { Key } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import type { GroupSource } from './filter-plan.js';
import { numbersOf } from './leaf-numbers.js';
import { rangesSource } from './rows-in-ranges.js';

/** Why no row of a group passes. */
export type Reason = 'min/max' | 'null counts' | 'bloom';

/** What a leaf asks of the row groups: a reason why none of the rows passes, or undefined where some may. */
type Question = (chunk: ChunkStatistics, rows: number) => Reason | undefined;

/** A longer list of keys is asked by its ends alone. */
const BLOOM_KEYS_MAX = 64;
const encoder = new TextEncoder();

export class SegmentStatistics {
  readonly #groups: readonly RowGroupStatistics[];

  /** @param groups in the order of the rows */
  constructor(groups: readonly RowGroupStatistics[]) {
    this.#groups = groups;
  }

  get bytes(): number {
    let bytes = 0;
    for (const { columns } of this.#groups)
      for (const { bloom } of columns.values()) bytes += bloom?.bytes ?? 0;
    return bytes;
  }

  /** The row groups that may have rows for which the leaf is true; undefined where nothing is known. */
  groupsOf(leaf: Leaf): GroupSource | undefined {
    const field = fieldOf(leaf);
    if (field === undefined) return undefined;
    const question = questionOf(leaf);
    const ranges: { begin: number; count: number }[] = [];
    const reasons = new Set<Reason>();
    let begin = 0;
    for (const { rows, columns } of this.#groups) {
      const chunk = columns.get(field.fieldId);
      const reason = chunk && question(chunk, rows);
      if (reason === undefined) ranges.push({ begin, count: rows });
      else reasons.add(reason);
      begin += rows;
    }
    if (reasons.size === 0) return undefined;
    const reason = [...reasons].sort().join(' and ');
    return { ...rangesSource(ranges, `row groups by ${reason}`), reason };
  }
}

/** The field that decides whether the leaf is true; undefined for other leafs, of which the statistics know nothing. */
function fieldOf(leaf: Leaf): FieldRef | undefined {
  // JSON null in a row that is not null is a matter of the filter.
  if (leaf.kind === 'is-null') return leaf.field.dataType === DataType.JSON ? undefined : leaf.field;
  const isPlain = 'operand' in leaf && leaf.operand.kind === 'field' && leaf.operand.type !== 'list';
  return isPlain ? leaf.operand.field : undefined;
}

function questionOf(leaf: Leaf): Question {
  if (leaf.kind === 'is-null')
    return ({ nulls }, rows) => (nulls === (leaf.negated ? rows : 0) ? 'null counts' : undefined);
  const ends = endsOf(leaf);
  const keys = keysOf(leaf)?.map((key) => ({ key: boundOf(key), hash: hashOfKey(key) }));
  return (chunk, rows) => {
    if (chunk.nulls === rows) return 'null counts';
    if (ends !== undefined && isApart(chunk, ends)) return 'min/max';
    if (keys === undefined) return undefined;
    const within = keys.filter(({ key }) => !isApart(chunk, { low: key, high: key }));
    if (within.length === 0) return 'min/max';
    const { bloom } = chunk;
    return bloom === undefined || within.some(({ hash }) => bloom.mayHold(hash)) ? undefined : 'bloom';
  };
}

/** Between which values lies all that the leaf lets pass; an end that is undefined is open. */
interface Ends {
  readonly low: Bound | undefined;
  readonly high: Bound | undefined;
  /** The end itself does not pass. */
  readonly isLowOut?: boolean;
  readonly isHighOut?: boolean;
  /** `high` stands for every text that begins with it. */
  readonly isPrefix?: boolean;
}

function isApart({ least, most }: ChunkStatistics, ends: Ends): boolean {
  const { low, high, isLowOut = false, isHighOut = false, isPrefix = false } = ends;
  if (least !== undefined && high !== undefined) {
    const isBeyond = isHighOut ? isAtLeast(least, high) : isAbove(least, high);
    if (isBeyond && !(isPrefix && begins(least, high))) return true;
  }
  if (most === undefined || low === undefined) return false;
  return isLowOut ? isAtLeast(low, most) : isAbove(low, most);
}

/** False also for values that cannot be compared, and for NaN: then nothing is known. */
function isAbove(a: Bound, b: Bound): boolean {
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) > 0;
  return !(b instanceof Uint8Array) && a > b;
}

function isAtLeast(a: Bound, b: Bound): boolean {
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) >= 0;
  return !(b instanceof Uint8Array) && a >= b;
}

const begins = (text: Bound, prefix: Bound): boolean =>
  text instanceof Uint8Array &&
  prefix instanceof Uint8Array &&
  text.length >= prefix.length &&
  prefix.every((byte, at) => text[at] === byte);

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = (a[at] as number) - (b[at] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function endsOf(leaf: Leaf): Ends | undefined {
  const ends = numbersOf(leaf) ?? textEnds(leaf);
  if (leaf.kind === 'compare')
    return ends && { ...ends, isLowOut: leaf.op === '>', isHighOut: leaf.op === '<' };
  if (leaf.kind !== 'range') return ends;
  return ends && { ...ends, isLowOut: !leaf.lowerInclusive, isHighOut: !leaf.upperInclusive };
}

function textEnds(leaf: Leaf): Ends | undefined {
  switch (leaf.kind) {
    case 'compare': {
      const value = textOf(leaf.value);
      if (value === undefined || leaf.op === '!=') return undefined;
      return {
        low: leaf.op === '<' || leaf.op === '<=' ? undefined : value,
        high: leaf.op === '>' || leaf.op === '>=' ? undefined : value,
      };
    }
    case 'range':
      return { low: textOf(leaf.lower), high: textOf(leaf.upper) };
    case 'in': {
      const { values } = leaf;
      // Packed ones are in no order.
      if ('bytes' in values.texts || !isOnlyTexts(values)) return undefined;
      const [first, last] = [values.texts[0], values.texts.at(-1)];
      const isNone = first === undefined || last === undefined;
      return isNone ? undefined : { low: boundOf(first), high: boundOf(last) };
    }
    case 'like': {
      const { pattern } = leaf;
      if (pattern.kind !== 'exact' && pattern.kind !== 'prefix') return undefined;
      const text = boundOf(pattern.text);
      return { low: text, high: text, isPrefix: pattern.kind === 'prefix' };
    }
    default:
      return undefined;
  }
}

const isOnlyTexts = ({ bools, ints, doubles, lists }: ValueSet): boolean =>
  bools.length + ints.length + doubles.length + lists.length === 0;
const boundOf = (key: Key): Bound => (typeof key === 'string' ? encoder.encode(key) : key);
const textOf = (literal: Literal): Bound | undefined =>
  literal.type === 'text' ? boundOf(literal.value) : undefined;

/** Values that are looked up one by one; undefined: it is no such leaf, or there are too many. */
function keysOf(leaf: Leaf): Key[] | undefined {
  if (leaf.kind === 'compare') {
    const { value } = leaf;
    return leaf.op === '==' && (value.type === 'int' || value.type === 'text') ? [value.value] : undefined;
  }
  if (leaf.kind !== 'in') return undefined;
  const { ints, texts, bools, doubles, lists } = leaf.values;
  if ('bytes' in texts || bools.length + doubles.length + lists.length > 0) return undefined;
  return ints.length + texts.length <= BLOOM_KEYS_MAX ? [...ints, ...texts] : undefined;
}
