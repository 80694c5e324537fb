// Lists of constants as sets of values of an operand's type: what `in` and the `contains` functions look in.
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import { compareText } from '#expr/text-order.js';
import { packTexts, unpackedTexts } from '#expr/text-set.js';
import { type FieldRef, type Literal, TEXTS_MAX, type ValueSet } from '#expr/typed.js';
import { DataType } from '#model/schema/data-type.js';
import { dataTypeName } from '#model/schema/schema-view.js';
import type { TextSpans } from '#model/text-spans.js';
import { elementLiteral, intRange, jsonLiteral, valueTypeOf } from './comparison.js';
import { type Constant, constantText, elementsOf, type ListConstant, stringsOf } from './constants.js';
import { timeConstant } from './times.js';

/** A set, and whether each constant is in it: one that no value can be equal to is left out. */
export interface ReadSet {
  readonly set: ValueSet;
  readonly isWhole: boolean;
}

export const setSize = ({ bools, ints, doubles, texts, lists }: ValueSet): number =>
  bools.length + ints.length + doubles.length + texts.length + lists.length;

/** Values of JSON, of any type. @throws FilterSyntaxError for times */
export function jsonSet(list: ListConstant, at: number): ReadSet {
  const builder = new SetBuilder();
  if (list.kind === 'ints') builder.ints = list.values;
  else if (list.kind === 'texts') builder.texts = list.values;
  else {
    for (const constant of list.values) {
      const literal = jsonLiteral(constant);
      if (literal === undefined) throw cannotCast(constant, 'JSON', at);
      builder.add(literal);
    }
  }
  return builder.finish();
}

/** How a list is read: the zone of times without an offset, and whether `1.0` is refused among integers, as `in` does. */
export interface ListRules {
  readonly zone: string;
  readonly strict: boolean;
}

/** Values of a plain field, or elements of an array. @throws FilterSyntaxError for other types */
export function fieldSet(
  field: FieldRef,
  list: ListConstant,
  { zone, strict }: ListRules,
  at: number,
): ReadSet {
  const type = field.dataType === DataType.Array ? field.elementType : field.dataType;
  const builder = new SetBuilder();
  // The usual long lists need no look at each value.
  if (type === DataType.Int64 && list.kind === 'ints') builder.ints = list.values;
  else if (valueTypeOf(type) === 'text' && list.kind === 'texts') builder.texts = list.values;
  else if (list.kind === 'ints' && isNumberType(type)) builder.addInts(field, list.values);
  else {
    for (const constant of elementsOf(list)) {
      const literal =
        type === DataType.Timestamptz ? timeLiteral(constant, zone, at) : elementLiteral(field, constant);
      const isOther = strict && constant.type === 'double' && valueTypeOf(type) === 'int';
      if (literal === 'other type' || isOther) throw cannotCast(constant, dataTypeName(type), at);
      builder.add(literal);
    }
  }
  return builder.finish();
}

const isNumberType = (type: DataType): boolean => {
  const valueType = valueTypeOf(type);
  return valueType === 'int' || valueType === 'float' || valueType === 'double';
};

/** Whole arrays as values, for a field of them. */
export function listSet(field: FieldRef, list: ListConstant, at: number): ReadSet {
  const builder = new SetBuilder();
  for (const constant of elementsOf(list)) {
    if (constant.type !== 'list') throw cannotCast(constant, 'Array', at);
    const values: Literal[] = [];
    let isPossible = true;
    for (const element of elementsOf(constant)) {
      const literal = elementLiteral(field, element);
      if (literal === 'other type') throw cannotCast(element, dataTypeName(field.elementType), at);
      if (literal === undefined) isPossible = false;
      else values.push(literal);
    }
    builder.add(isPossible ? { type: 'list', values } : undefined);
  }
  return builder.finish();
}

/** @param literals of one operand */
export function setOf(literals: Iterable<Literal>): ValueSet {
  const builder = new SetBuilder();
  for (const literal of literals) builder.add(literal);
  return builder.finish().set;
}

/** In the types that JSON has; sets of other operands are only put back into sets. */
export function* membersOf({ bools, ints, doubles, texts, lists }: ValueSet): Generator<Literal> {
  for (const value of bools) yield { type: 'bool', value };
  for (const value of ints) yield { type: 'int', value };
  for (const value of doubles) yield { type: 'double', value };
  for (const value of unpackedTexts(texts)) yield { type: 'text', value };
  yield* lists;
}

function timeLiteral(constant: Constant, zone: string, at: number): Literal | 'other type' {
  if (constant.type === 'time') return constant;
  return constant.type === 'text' ? timeConstant(constant.value, zone, at) : 'other type';
}

export const cannotCast = (constant: Constant, type: string, at: number): FilterSyntaxError =>
  new FilterSyntaxError(`value '${constantText(constant)}' in list cannot be casted to ${type}`, at);

class SetBuilder {
  ints: BigInt64Array | bigint[] = [];
  texts: readonly string[] | TextSpans = [];
  readonly #ints: bigint[] = [];
  readonly #texts: string[] = [];
  readonly #bools = new Set<boolean>();
  readonly #doubles: number[] = [];
  readonly #lists = new Map<string, Literal & { readonly type: 'list' }>();
  #isWhole = true;

  /** As `add` of each as a value of the field. */
  addInts(field: FieldRef, values: BigInt64Array): void {
    const type = valueTypeOf(field.dataType === DataType.Array ? field.elementType : field.dataType);
    if (type === 'int') {
      const { min, max } = intRange({ kind: 'field', type, field });
      this.ints = values.filter((value) => value >= min && value <= max);
      this.#isWhole &&= this.ints.length === values.length;
    } else
      for (const value of values)
        this.#doubles.push(type === 'float' ? Math.fround(Number(value)) : Number(value));
  }

  /** Undefined: a value that nothing can be equal to. */
  add(literal: Literal | undefined): void {
    switch (literal?.type) {
      case 'bool':
        this.#bools.add(literal.value);
        break;
      case 'int':
      case 'time':
        this.#ints.push(literal.value);
        break;
      case 'float':
      case 'double':
        if (Number.isNaN(literal.value)) this.#isWhole = false;
        else this.#doubles.push(literal.value);
        break;
      case 'text':
        this.#texts.push(literal.value);
        break;
      case 'list':
        this.#lists.set(literalKey(literal), literal);
        break;
      default:
        this.#isWhole = false;
    }
  }

  finish(): ReadSet {
    const ints = this.ints.length > 0 ? this.ints : this.#ints;
    const texts = this.texts.length > 0 ? this.texts : this.#texts;
    const set: ValueSet = {
      bools: [...this.#bools].sort(),
      ints: sortedInts(ints),
      doubles: sortedDoubles(this.#doubles),
      texts: textSet(texts),
      lists: [...this.#lists].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, list]) => list),
    };
    return { set, isWhole: this.#isWhole };
  }
}

function textSet(texts: readonly string[] | TextSpans): ValueSet['texts'] {
  if (texts.length <= TEXTS_MAX) return [...new Set(stringsOf(texts))].sort(compareText);
  const packed = packTexts(texts);
  return packed.length > TEXTS_MAX ? packed : [...unpackedTexts(packed)].sort(compareText);
}

/** A copy without repetitions, in ascending order. */
function sortedInts(values: BigInt64Array | readonly bigint[]): BigInt64Array {
  // A long list may be handed to other threads.
  const sorted = new BigInt64Array(
    values.length > TEXTS_MAX ? new SharedArrayBuffer(values.length * 8) : new ArrayBuffer(values.length * 8),
  );
  sorted.set(values);
  sorted.sort();
  let count = 0;
  for (let at = 0; at < sorted.length; at++) {
    if (at === 0 || sorted[at] !== sorted[at - 1]) sorted[count++] = sorted[at] as bigint;
  }
  return sorted.subarray(0, count);
}

/** As `sortedInts`; zeros are one value. */
function sortedDoubles(values: readonly number[]): Float64Array {
  const sorted = Float64Array.from(values, (value) => value + 0).sort();
  let count = 0;
  for (let at = 0; at < sorted.length; at++) {
    if (at === 0 || sorted[at] !== sorted[at - 1]) sorted[count++] = sorted[at] as number;
  }
  return sorted.slice(0, count);
}

/** Equal literals have equal keys. */
function literalKey(literal: Literal): string {
  if (literal.type === 'list') return `[${literal.values.map(literalKey).join(',')}]`;
  return `${literal.type}:${typeof literal.value === 'string' ? JSON.stringify(literal.value) : literal.value}`;
}
