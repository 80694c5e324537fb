// The checked tree of a filter: what `check/` hands to whoever evaluates it. Names are field ids, literals have the type of what they are
// compared with, templates are bound, constants are folded. Plain data: no functions, no classes, so it can be handed to a worker.
//
// A leaf is true, false or unknown for a row. It is unknown exactly when a value it reads is unknown: a field that is null there, an array
// element beyond the end, an integer division by zero. A JSON path that is missing or holds another type is not unknown: whatever is asked
// of it is false, and the negation true. A row passes when the whole is true.
//
// `not` is only above leaves, `and` and `or` only above it: so false and unknown need not be distinguished anywhere but below a `not`,
// and an evaluator carries one bit a row. `not` of a leaf: the rows where it is known and not true.

import type { BloomMembers } from '#expr/members/bloom-members.js';
import type { RoaringMembers } from '#expr/members/roaring-members.js';
import type { Geometry } from '#model/geometry/geometry.js';
import type { DataType } from '#model/schema/data-type.js';
import type { Column } from '#proto/elanus/data.js';
import type { PhrasePlace } from '#text/match/phrase.js';
import type { ComparisonOp } from './ast.js';

export type { ComparisonOp } from './ast.js';

/** A field that a filter reads. A member of a struct array is a field of type Array of its own. */
export interface FieldRef {
  readonly fieldId: bigint;
  /** As texts show it; `outer[inner]` for a member of a struct. */
  readonly name: string;
  readonly dataType: DataType;
  /** Type of the elements of an Array; `DataType.None` for everything else. */
  readonly elementType: DataType;
  readonly nullable: boolean;
}

/**
 * What values of an operand are. `int`: Int8 to Int64, exact. `float`: Float, numbers of 32 bits. `time`: microseconds since 1970 UTC.
 * `json`: any JSON value, or none. `list`: all elements of an array field.
 */
export type ValueType = 'bool' | 'int' | 'float' | 'double' | 'text' | 'time' | 'json' | 'list';

/**
 * A constant. What is compared with an operand of a plain type has that operand's type: literals for `int` are within the range of the
 * field, those for `float` are rounded to 32 bits. For `json` it is `bool`, `int`, `double`, `text` or `list`; a `double` that is a whole
 * number within 64 bits is never there, the `int` is.
 */
export type Literal =
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'double'; readonly value: number }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'time'; readonly value: bigint }
  | { readonly type: 'list'; readonly values: readonly Literal[] };

/** Where a JSON value lies. A step is a key in an object and, when it is a plain decimal number, an index in an array. */
export interface JsonOperand {
  readonly kind: 'json';
  readonly type: 'json';
  readonly field: FieldRef;
  /** Empty: the whole field. A dynamic key is the first step into `$meta`. */
  readonly path: readonly string[];
}

export interface FieldOperand {
  readonly kind: 'field';
  readonly type: ValueType;
  readonly field: FieldRef;
}

/** `/` of two ints cuts toward zero, `%` has the sign of the left side, both are unknown when the right side is 0. */
export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^';

/** What a leaf reads from a row. */
export type Operand =
  | FieldOperand
  | JsonOperand
  /** One element of an array field, counted from 0; unknown beyond the end. */
  | { readonly kind: 'element'; readonly type: ValueType; readonly field: FieldRef; readonly index: number }
  /** The current element, inside a predicate over elements; never null. */
  | { readonly kind: 'current'; readonly type: ValueType; readonly field: FieldRef }
  /** Elements of an array field, or of the array at a JSON path; 0 when there is no array at the path. */
  | { readonly kind: 'length'; readonly type: 'int'; readonly of: FieldOperand | JsonOperand }
  /**
   * Arithmetic. `int`: in 64 bits, which wrap. `float`: the result of each step is rounded to 32 bits. `double`: in doubles. `json`: reads
   * numbers at JSON paths; two ints make an int, else doubles; without a number on a side there is no value, as if the path were missing.
   */
  | {
      readonly kind: 'arithmetic';
      readonly type: 'int' | 'float' | 'double' | 'json';
      readonly op: ArithmeticOp;
      readonly left: Operand;
      readonly right: Operand;
    }
  /** A side of arithmetic. */
  | { readonly kind: 'constant'; readonly type: 'int' | 'float' | 'double'; readonly value: bigint | number }
  /**
   * A time moved by calendar months, then by microseconds, in UTC. Months keep the day of the month and run over where that month has no
   * such day (31 January and one month is 3 March), as `Date.UTC` does. `months` is not 0: other shifts are folded into the literal.
   */
  | {
      readonly kind: 'shifted';
      readonly type: 'time';
      readonly field: FieldRef;
      readonly months: number;
      readonly micros: bigint;
    };

/**
 * Constants without repetition, by type, each in ascending order (texts by code points, which is the order of their UTF-8 bytes). Of a
 * plain operand only one is filled: `ints` for int and time, `doubles` for float and double. Of JSON all may be; a number is in one of the
 * two, by the rule of `Literal`.
 */
export interface ValueSet {
  readonly bools: readonly boolean[];
  readonly ints: BigInt64Array;
  readonly doubles: Float64Array;
  /** More than `TEXTS_MAX` are packed, in no order. */
  readonly texts: readonly string[] | PackedTexts;
  readonly lists: readonly (Literal & { readonly type: 'list' })[];
}

/** Texts of a set that are strings; more are packed. */
export const TEXTS_MAX = 16_384;

/** Many texts without repetitions, as the memory of the table that finds one (`text-set.ts`). */
export interface PackedTexts {
  readonly length: number;
  /** UTF-8: text i is [begins[i], begins[i + 1]). */
  readonly bytes: Uint8Array;
  readonly begins: Uint32Array;
  /** By place in the table: 1 more than the number of the text there; 0: the place is free. */
  readonly numbers: Int32Array;
  /** Start of the hash that the table was made with. */
  readonly seed: number;
}

/** A `like` pattern. All but `general` are one comparison of text; `_` is one code point, `%` any run of them, also across lines. */
export type LikePattern =
  | { readonly kind: 'exact' | 'prefix' | 'suffix' | 'infix'; readonly text: string }
  | { readonly kind: 'general'; readonly parts: readonly LikePart[] };
export type LikePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'any' };

export type SpatialOp = 'equals' | 'touches' | 'overlaps' | 'crosses' | 'contains' | 'intersects' | 'within';
export type Quantifier = 'all' | 'any' | 'least' | 'most' | 'exact';

/** A question to a row that has no question inside, but for `match`, whose inside asks elements. */
export type Leaf =
  /**
   * Text compares by code points, lists only with `==` and `!=`, bools only with `==`. Numbers compare by value, also an int with a double
   * in JSON; NaN equals nothing and is neither less nor greater. JSON of another type than the literal: false, but `!=` true.
   */
  | {
      readonly kind: 'compare';
      readonly operand: Operand;
      readonly op: ComparisonOp;
      readonly value: Literal;
    }
  /** Both bounds, two numbers or two texts or two times; what `lower < operand and operand < upper` says. */
  | {
      readonly kind: 'range';
      readonly operand: Operand;
      readonly lower: Literal;
      readonly lowerInclusive: boolean;
      readonly upper: Literal;
      readonly upperInclusive: boolean;
    }
  /** Two fields of one row, both numbers (compared by value, an int with a float too), texts, bools or times; never JSON. */
  | {
      readonly kind: 'compare-operands';
      readonly left: Operand;
      readonly op: ComparisonOp;
      readonly right: Operand;
    }
  /** Never empty. NaN is in no set. The operand is no whole array. */
  | { readonly kind: 'in'; readonly operand: Operand; readonly values: ValueSet }
  /** In a set that the client made, whose bytes stay as they came. Whole numbers and, of a Bloom filter, texts. */
  | { readonly kind: 'member'; readonly operand: FieldOperand | JsonOperand; readonly members: Members }
  /** The operand is text or JSON, in which only strings match. */
  | { readonly kind: 'like'; readonly operand: Operand; readonly pattern: LikePattern }
  /** RE2 syntax, found anywhere in the text; `compileRegex` of `expr/regex.ts` makes the matcher, in linear time. */
  | { readonly kind: 'regex'; readonly operand: Operand; readonly source: string }
  /** Words of the text, as its analyzer makes them, are among those of the row. */
  | {
      readonly kind: 'words';
      readonly operand: FieldOperand;
      /** Parameters of the analyzer of the field, as `analyzerOf` reads them. */
      readonly analyzer: string;
      readonly words: WantedWords;
    }
  /** Never unknown itself. Of a JSON path: see `exists`. */
  | { readonly kind: 'is-null'; readonly field: FieldRef; readonly negated: boolean }
  /** Something other than JSON null is at the path. Never unknown: where the field is null, nothing is. */
  | { readonly kind: 'exists'; readonly operand: JsonOperand }
  /** The array holds all, or any, of the values; elements compare as with `==`. JSON that is no
   * array: false. The set is empty only for `all` of JSON, which asks for an array. */
  | {
      readonly kind: 'contains';
      readonly operand: FieldOperand | JsonOperand;
      readonly mode: 'all' | 'any';
      readonly values: ValueSet;
    }
  /** The field's geometry has the relation to the constant one: `contains` is "field contains constant". Planar. */
  | {
      readonly kind: 'spatial';
      readonly field: FieldRef;
      readonly op: SpatialOp;
      readonly geometry: Geometry;
    }
  /** Within so many metres of the point, on the sphere: longitude and latitude in degrees. */
  | {
      readonly kind: 'near';
      readonly field: FieldRef;
      readonly longitude: number;
      readonly latitude: number;
      readonly metres: number;
    }
  | { readonly kind: 'valid-geometry'; readonly field: FieldRef }
  /** How many elements satisfy `elements` decides: all, any, at least, at most or exactly `threshold` (0 for all and any). */
  | {
      readonly kind: 'match';
      readonly quantifier: Quantifier;
      readonly threshold: number;
      readonly elements: ElementPredicate;
    };

export type Members = BloomMembers | RoaringMembers;

export type WantedWords =
  /** At least so many of these. */
  | { readonly kind: 'any'; readonly words: readonly string[]; readonly least: number }
  /** A word that is at most so many changes away from one of these (`NearWords`). */
  | { readonly kind: 'near'; readonly words: readonly string[]; readonly distance: number }
  /** In this order and distance, moved by at most `slop` places in all; words of one place are alternatives. */
  | { readonly kind: 'phrase'; readonly places: readonly PhrasePlace[]; readonly slop: number };

export type Predicate =
  /** Only as the whole of a filter or of an element predicate. */
  | { readonly kind: 'constant'; readonly value: boolean }
  /** Two or more; none of them is of the same kind. */
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Predicate[] }
  | { readonly kind: 'not'; readonly operand: Leaf }
  | Leaf;

/** A predicate over the elements of one row's array, or of its struct array. Its operands are all `current`. */
export interface ElementPredicate {
  /** An array field that has as many elements as there are to ask. Where it is null the leaf is unknown, and there are no elements. */
  readonly over: FieldRef;
  readonly predicate: Predicate;
}

/** A whole filter. */
export type CheckedFilter =
  /** No filter was given. */
  | { readonly kind: 'all' }
  /** Nothing but primary keys: the rows that have, or with `negated` have not, one of them. In the order written, repetitions included. */
  | { readonly kind: 'keys'; readonly keys: Column; readonly keyCount: number; readonly negated: boolean }
  | PredicateFilter;
export interface PredicateFilter {
  readonly kind: 'predicate';
  readonly predicate: Predicate;
  /** `element_filter`: of the rows that pass, the elements that satisfy this are the result; rows without any are left out. */
  readonly elements?: ElementPredicate;
  /** `random_sample`: of `n` rows that pass, max(1, ⌊n × share⌋) are kept; 0 < share < 1. */
  readonly sampleShare?: number;
}
