// From a leaf of the checked tree to what evaluates it over columns: which loop, which test, with its constants made ready.
import { assertNever } from '#base/assert.js';
import { ArrayHasAny } from '#expr/evaluate/arrays/array-has-any.js';
import { ArrayContains, ArrayEquals } from '#expr/evaluate/arrays/array-leaves.js';
import { FixedArrays, type TextArrays } from '#expr/evaluate/arrays/array-rows.js';
import { JsonLeaf, JsonNumbersLeaf } from '#expr/evaluate/json/json-leaves.js';
import {
  ContainsTest,
  ExistsTest,
  equalityTest,
  InTest,
  type JsonTest,
  JsonValueSet,
  type NumberBounds,
  NumberBoundsTest,
  TextTest,
} from '#expr/evaluate/json/json-tests.js';
import { type Bounds, boundsOf, boundsOfRange } from '#expr/evaluate/numbers/bounds.js';
import { NumbersCompared } from '#expr/evaluate/numbers/comparison-leaf.js';
import { FieldNumbers } from '#expr/evaluate/numbers/number-vector.js';
import { FieldRange, VectorRange } from '#expr/evaluate/numbers/range-leaves.js';
import { IntFieldIn, NumbersIn } from '#expr/evaluate/numbers/set-leaves.js';
import {
  BothMatch,
  comparisonMatcher,
  likeMatcher,
  regexMatcher,
  TextIn,
  type TextMatcher,
} from '#expr/evaluate/text/matchers.js';
import { TextLeaf, TextsCompared } from '#expr/evaluate/text/text-leaves.js';
import { wordsMatcher } from '#expr/evaluate/text/word-matchers.js';
import type { Leaf as AskedLeaf, ComparisonOp, Literal, Members, Operand, ValueSet } from '#expr/typed.js';
import type { FixedView } from './column-view.js';
import { BitsLeaf, NullLeaf, SameLeaf } from './known-leaves.js';
import type { Leaf } from './leaf.js';
import { MemberTest, MemberText, NumbersMember } from './member-leaves.js';
import type { Operands } from './operands.js';

/** What leaves over single rows are made of; those that have a predicate inside are made by whoever makes nodes. */
export type PlainLeaf = Exclude<
  AskedLeaf,
  { readonly kind: 'match' | 'spatial' | 'near' | 'valid-geometry' }
>;

/** Every row reads something that is not there. */
const unknown = (): Leaf => new SameLeaf(undefined);

/** Makes the leaf; for `!=` the leaf of `==`, which the caller negates. */
export function makeLeaf(leaf: PlainLeaf, operands: Operands): Leaf {
  switch (leaf.kind) {
    case 'compare':
      return makeComparison(leaf.operand, equalOrOrder(leaf.op), leaf.value, operands);
    case 'range':
      return makeRange(leaf, operands);
    case 'compare-operands':
      return makeSides(leaf, operands);
    case 'in':
      return makeIn(leaf.operand, leaf.values, operands);
    case 'member':
      return makeMember(leaf.operand, leaf.members, operands);
    case 'like':
      return makeMatch(leaf.operand, likeMatcher(leaf.pattern), operands);
    case 'regex':
      return makeMatch(leaf.operand, regexMatcher(leaf.source), operands);
    case 'words': {
      const bits = operands.known(leaf);
      const valid = operands.valid(leaf.operand.field);
      return bits === undefined || valid === undefined
        ? makeMatch(leaf.operand, wordsMatcher(leaf.analyzer, leaf.words), operands)
        : new BitsLeaf(bits, valid);
    }
    case 'is-null': {
      const valid = operands.valid(leaf.field);
      return valid === undefined ? new SameLeaf(!leaf.negated) : new NullLeaf(valid, leaf.negated);
    }
    case 'exists': {
      const locator = operands.json(leaf.operand);
      return locator === undefined ? new SameLeaf(false) : new JsonLeaf(locator, new ExistsTest(), true);
    }
    case 'contains': {
      if (leaf.operand.kind === 'json')
        return jsonLeaf(leaf.operand, new ContainsTest(leaf.values, leaf.mode), operands);
      const arrays = operands.arrays(leaf.operand.field);
      return arrays === undefined ? unknown() : makeContains(arrays, leaf.values, leaf.mode);
    }
    default:
      return assertNever(leaf);
  }
}

/** Whether a leaf of the tree is the negation of the one that is made for it. */
export const isMadeNegated = (leaf: AskedLeaf): boolean =>
  (leaf.kind === 'compare' || leaf.kind === 'compare-operands') && leaf.op === '!=';

type OrderOp = Exclude<ComparisonOp, '!='>;
const equalOrOrder = (op: ComparisonOp): OrderOp => (op === '!=' ? '==' : op);

function jsonLeaf(operand: Operand, test: JsonTest, operands: Operands): Leaf {
  const locator = operand.kind === 'json' ? operands.json(operand) : undefined;
  return locator === undefined ? unknown() : new JsonLeaf(locator, test);
}

function makeComparison(operand: Operand, op: OrderOp, value: Literal, operands: Operands): Leaf {
  switch (operand.type) {
    case 'json':
      return makeJsonComparison(operand, op, value, operands);
    case 'text': {
      const matcher = comparisonMatcher(op, value.type === 'text' ? value.value : '');
      return makeMatch(operand, matcher, operands);
    }
    case 'list': {
      const arrays = operand.kind === 'field' ? operands.arrays(operand.field) : undefined;
      if (arrays === undefined) return unknown();
      return new ArrayEquals(arrays, value.type === 'list' ? value.values : []);
    }
    default:
      return makeBounds(operand, boundsOf(op, value), operands);
  }
}

function makeBounds(operand: Operand, bounds: Bounds, operands: Operands): Leaf {
  const column = operands.column(operand);
  // Narrower types are copied into doubles, which costs less than it takes to read about a loop for each.
  if (column !== undefined && column.form !== 'int8' && column.form !== 'int16')
    return new FieldRange(column, bounds);
  const vector = operands.numbers(operand);
  return vector === undefined ? unknown() : new VectorRange(vector, bounds);
}

function makeJsonComparison(operand: Operand, op: OrderOp, value: Literal, operands: Operands): Leaf {
  if (operand.kind === 'arithmetic')
    return jsonNumbersLeaf(operand, new NumberBoundsTest(openBounds(op, value)), operands);
  if (value.type === 'text') return makeMatch(operand, comparisonMatcher(op, value.value), operands);
  const isNumber = value.type === 'int' || value.type === 'double';
  const test = isNumber && op !== '==' ? new NumberBoundsTest(openBounds(op, value)) : equalityTest(value);
  return jsonLeaf(operand, test, operands);
}

function openBounds(op: OrderOp, value: Literal): NumberBounds {
  const bound = numberOf(value);
  const isInclusive = op !== '<' && op !== '>';
  const hasLow = op !== '<' && op !== '<=';
  const hasHigh = op !== '>' && op !== '>=';
  return {
    low: hasLow ? bound : Number.NEGATIVE_INFINITY,
    lowInclusive: isInclusive || !hasLow,
    high: hasHigh ? bound : Number.POSITIVE_INFINITY,
    highInclusive: isInclusive || !hasHigh,
  };
}

function numberOf(value: Literal): number | bigint {
  if (value.type === 'int' || value.type === 'double' || value.type === 'float') return value.value;
  throw new TypeError(`a ${value.type} where a number was expected`);
}

function jsonNumbersLeaf(operand: Operand, test: NumberBoundsTest | JsonValueSet, operands: Operands): Leaf {
  const numbers = operands.jsonNumbers(operand);
  return numbers === undefined ? unknown() : new JsonNumbersLeaf(numbers, test);
}

function makeRange(leaf: AskedLeaf & { readonly kind: 'range' }, operands: Operands): Leaf {
  const { operand, lower, upper } = leaf;
  if (lower.type === 'text' && upper.type === 'text') {
    const above = comparisonMatcher(leaf.lowerInclusive ? '>=' : '>', lower.value);
    const below = comparisonMatcher(leaf.upperInclusive ? '<=' : '<', upper.value);
    return makeMatch(operand, new BothMatch(above, below), operands);
  }
  if (operand.type !== 'json') return makeBounds(operand, boundsOfRange(leaf), operands);
  const test = new NumberBoundsTest({
    low: numberOf(lower),
    lowInclusive: leaf.lowerInclusive,
    high: numberOf(upper),
    highInclusive: leaf.upperInclusive,
  });
  return operand.kind === 'arithmetic'
    ? jsonNumbersLeaf(operand, test, operands)
    : jsonLeaf(operand, test, operands);
}

function makeSides(leaf: AskedLeaf & { readonly kind: 'compare-operands' }, operands: Operands): Leaf {
  const op = equalOrOrder(leaf.op);
  if (leaf.left.type === 'text') {
    const [left, right] = [operands.texts(leaf.left), operands.texts(leaf.right)];
    return left && right ? new TextsCompared(left, op, right) : unknown();
  }
  const [left, right] = [operands.numbers(leaf.left), operands.numbers(leaf.right)];
  return left && right ? new NumbersCompared(left, op, right) : unknown();
}

function makeIn(operand: Operand, values: ValueSet, operands: Operands): Leaf {
  switch (operand.type) {
    case 'json':
      return operand.kind === 'arithmetic'
        ? jsonNumbersLeaf(operand, new JsonValueSet(values), operands)
        : jsonLeaf(operand, new InTest(values), operands);
    case 'text':
      return makeMatch(operand, new TextIn(values.texts), operands);
    case 'bool':
      return makeNumberIn(operand, { ...values, ints: BigInt64Array.from(values.bools, BigInt) }, operands);
    default:
      return makeNumberIn(operand, values, operands);
  }
}

function makeNumberIn(operand: Operand, values: ValueSet, operands: Operands): Leaf {
  const column = operands.column(operand);
  if (column !== undefined) return makeColumnIn(column, values);
  const vector = operands.numbers(operand);
  const isInt = operand.type !== 'float' && operand.type !== 'double';
  return vector === undefined ? unknown() : new NumbersIn(vector, values, isInt);
}

function makeColumnIn(column: FixedView, values: ValueSet): Leaf {
  const only = onlyNumber(column, values);
  if (only !== undefined && column.form !== 'int8' && column.form !== 'int16')
    return new FieldRange(column, boundsOf('==', only));
  if (column.form === 'int64' || column.form === 'int32') return new IntFieldIn(column, values.ints);
  return new NumbersIn(new FieldNumbers(column), values, column.form !== 'float' && column.form !== 'double');
}

/** The value of a set of one. */
function onlyNumber({ form }: FixedView, { ints, doubles }: ValueSet): Literal | undefined {
  const list = form === 'float' || form === 'double' ? doubles : ints;
  const [value] = list;
  if (list.length !== 1 || value === undefined) return undefined;
  return typeof value === 'bigint' ? { type: 'int', value } : { type: 'double', value };
}

/** Any of some numbers: the elements of all rows are one column. */
function makeContains(arrays: FixedArrays | TextArrays, values: ValueSet, mode: 'all' | 'any'): Leaf {
  if (!(arrays instanceof FixedArrays)) return new ArrayContains(arrays, values, mode);
  const only = onlyNumber(arrays.elements, values);
  if (mode === 'all' && only === undefined) return new ArrayContains(arrays, values, mode);
  const ints = values.bools.length > 0 ? BigInt64Array.from(values.bools, BigInt) : values.ints;
  return new ArrayHasAny(arrays, makeColumnIn(arrays.elements, { ...values, ints }));
}

function makeMember(operand: Operand, members: Members, operands: Operands): Leaf {
  if (operand.type === 'json') return jsonLeaf(operand, new MemberTest(members), operands);
  if (operand.type === 'text' && members.kind === 'bloom')
    return makeMatch(operand, new MemberText(members.words), operands);
  const vector = operands.numbers(operand);
  return vector === undefined ? unknown() : new NumbersMember(vector, members);
}

function makeMatch(operand: Operand, matcher: TextMatcher, operands: Operands): Leaf {
  if (operand.type === 'json') return jsonLeaf(operand, new TextTest(matcher), operands);
  const texts = operands.texts(operand);
  return texts === undefined ? unknown() : new TextLeaf(texts, matcher);
}
