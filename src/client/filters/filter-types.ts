// Which conditions a field has, by its type, and what they compare it with: a wrong operand does not compile.
import type { Fields, Name, TraitsOf } from '#client/schema/row-types.js';
import type { Traits } from '#client/schema/traits.js';
import type { Filter } from './filter.js';

interface Equal<V> {
  eq(value: V): Filter;
  ne(value: V): Filter;
}

interface Listed<V> extends Equal<V> {
  in(values: readonly V[]): Filter;
  notIn(values: readonly V[]): Filter;
}

export interface OrderedFilter<V> extends Listed<V> {
  lt(value: V): Filter;
  le(value: V): Filter;
  gt(value: V): Filter;
  ge(value: V): Filter;
  /** Both ends belong to the range. */
  between(least: V, greatest: V): Filter;
}

interface Patterns {
  /** `%` stands for any run of characters, `_` for one; a backslash takes their meaning away. */
  like(pattern: string): Filter;
  startsWith(start: string): Filter;
  endsWith(end: string): Filter;
  includes(part: string): Filter;
  /** A regular expression of RE2, found anywhere in the text. */
  matches(pattern: string): Filter;
}
export interface TextFilter extends OrderedFilter<string>, Patterns {}

/** Words of texts, as the analyzer of the field makes them. */
export interface TextMatchFilter {
  /** Any word of the text; `minimumShouldMatch`: so many different ones. */
  textMatch(text: string, options?: { readonly minimumShouldMatch?: number }): Filter;
  /** Any word that is at most so many changes (0 to 2) away from a word of the text. */
  textMatchFuzzy(text: string, maxEditDistance: number): Filter;
  /** The words of the text in their order; `slop`: by how many places they may be moved in all, 0 when not given. */
  phraseMatch(text: string, slop?: number): Filter;
}
interface Contains<V> {
  contains(value: V): Filter;
  containsAll(values: readonly V[]): Filter;
  containsAny(values: readonly V[]): Filter;
  /** Number of elements. */
  length(): OrderedFilter<number>;
}

interface Elements<E> {
  any(condition: (element: E) => Filter): Filter;
  /** True of a row without elements. */
  all(condition: (element: E) => Filter): Filter;
  least(count: number, condition: (element: E) => Filter): Filter;
  most(count: number, condition: (element: E) => Filter): Filter;
  exactly(count: number, condition: (element: E) => Filter): Filter;
}

type Scalar<V> = V extends boolean ? Equal<boolean> : V extends string ? TextFilter : OrderedFilter<V>;
export interface ArrayFilter<V> extends Contains<V>, Elements<Scalar<V>> {}

type JsonScalar = string | number | bigint | boolean;
/** A value of JSON: compared with another type than it has, it does not pass. */
export interface JsonFilter extends OrderedFilter<JsonScalar>, Patterns, Contains<JsonScalar>, NullTests {
  /** A value inside: `at('author', 'born')`, `at('pages', 0)`. */
  at(...steps: readonly [string | number, ...(string | number)[]]): JsonPathFilter;
}

/** A value inside of JSON, which may not be there. */
export interface JsonPathFilter extends JsonFilter {
  exists(): Filter;
}

export interface GeometryFilter {
  within(wkt: string): Filter;
  intersects(wkt: string): Filter;
  covers(wkt: string): Filter;
  touches(wkt: string): Filter;
  overlaps(wkt: string): Filter;
  crosses(wkt: string): Filter;
  sameAs(wkt: string): Filter;
  /** Longitude and latitude in degrees, `POINT (13.4 52.5)`. */
  near(point: string, metres: number): Filter;
}

type StructFilter<Members> = Elements<{
  readonly [Name in keyof Members]: OfTraits<TraitsOf<Members[Name]>>;
}>;

interface NullTests {
  isNull(): Filter;
  isNotNull(): Filter;
}

interface ByType<T extends Traits> {
  readonly Bool: Equal<boolean>;
  readonly Int8: OrderedFilter<number>;
  readonly Int16: OrderedFilter<number>;
  readonly Int32: OrderedFilter<number>;
  readonly Int64: OrderedFilter<bigint>;
  readonly Float: OrderedFilter<number>;
  readonly Double: OrderedFilter<number>;
  readonly VarChar: TextFilter & TextMatchFilter;
  /** A text without a largest length is not compared. */
  readonly Text: TextMatchFilter;
  readonly JSON: JsonFilter;
  readonly Array: ArrayFilter<T['operand']>;
  readonly Timestamptz: OrderedFilter<Date | string>;
  readonly Geometry: GeometryFilter;
  readonly ArrayOfStruct: StructFilter<T['operand']>;
}

type OfTraits<T extends Traits> = T['type'] extends keyof ByType<T>
  ? ByType<T>[T['type']] & (T['isNullable'] extends true ? NullTests : unknown)
  : never;
type Filterable<F extends Fields> = {
  [Key in Name<F>]: TraitsOf<F[Key]>['type'] extends keyof ByType<Traits> ? Key : never;
}[Name<F>];

/** The fields of a collection as conditions begin with them. */
export type FieldFilters<F extends Fields> = { readonly [Key in Filterable<F>]: OfTraits<TraitsOf<F[Key]>> };

/** A key of a row's own, beside the fields. */
export type DynamicFilter = (key: string) => JsonPathFilter;

/**
 * A condition: a filter, or a function that makes one of the fields. The second argument, for dynamic collections, names a key of a row's
 * own.
 */
export type Where<F extends Fields, Dynamic extends boolean = false> =
  | Filter
  | (Dynamic extends true
      ? (fields: FieldFilters<F>, dynamic: DynamicFilter) => Filter
      : (fields: FieldFilters<F>) => Filter);
