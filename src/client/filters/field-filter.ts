// Conditions on one field, as `where: (f) => f.price.lt(10)` builds them. At run time a field has every method; which of them a type has,
// and what it compares with, is in filter-types.ts.
import { ClientError } from '#client/errors.js';
import type { FieldSpec } from '#client/schema/field-spec.js';
import { enclosed, Filter } from './filter.js';
import type { FilterValue } from './template-value.js';

type Step = string | number;

/** A text of the filter language. Only names of fields and keys of paths are written so; values are templates. */
export function quoted(text: string): string {
  // JSON's escapes are those of the filter language, but for these two: a lone half of a character, which no text can hold.
  const escaped = JSON.stringify(text);
  if (/\\ud[89a-f]/.test(escaped))
    throw ClientError.ofInput(`the key ${escaped} has half a character, expected text that UTF-8 can hold`);
  return escaped;
}

/** A text in which `like` finds no signs. */
const literally = (text: string): string => text.replaceAll(/[\\%_]/g, '\\$&');

export class FieldFilter {
  /** The operand as text: a name, a path, `$[member]`, `array_length(tags)`. */
  readonly #operand: string;
  readonly #spec: FieldSpec | undefined;

  constructor(operand: string, spec: FieldSpec | undefined) {
    this.#operand = operand;
    this.#spec = spec;
  }

  eq(value: FilterValue): Filter {
    return this.#compared(' == ', value);
  }

  ne(value: FilterValue): Filter {
    return this.#compared(' != ', value);
  }

  lt(value: FilterValue): Filter {
    return this.#compared(' < ', value);
  }

  le(value: FilterValue): Filter {
    return this.#compared(' <= ', value);
  }

  gt(value: FilterValue): Filter {
    return this.#compared(' > ', value);
  }

  ge(value: FilterValue): Filter {
    return this.#compared(' >= ', value);
  }

  /** Both ends belong to the range. */
  between(least: FilterValue, greatest: FilterValue): Filter {
    return this.ge(least).and(this.le(greatest));
  }

  in(values: readonly FilterValue[]): Filter {
    return this.#compared(' in ', values);
  }

  notIn(values: readonly FilterValue[]): Filter {
    return this.#compared(' not in ', values);
  }

  /** `%` stands for any run of characters, `_` for one; a backslash takes their meaning away. */
  like(pattern: string): Filter {
    return this.#compared(' like ', pattern);
  }

  startsWith(start: string): Filter {
    return this.like(`${literally(start)}%`);
  }

  endsWith(end: string): Filter {
    return this.like(`%${literally(end)}`);
  }

  includes(part: string): Filter {
    return this.like(`%${literally(part)}%`);
  }

  /** A regular expression of RE2, found anywhere in the text. */
  matches(pattern: string): Filter {
    return this.#compared(' =~ ', pattern);
  }

  textMatch(text: string, options: { readonly minimumShouldMatch?: number } = {}): Filter {
    const least = options.minimumShouldMatch;
    const option = least === undefined ? '' : `, minimum_should_match=${wholeNumber(least, 'words', 1)}`;
    return this.#called('text_match', text, option);
  }

  textMatchFuzzy(text: string, maxEditDistance: number): Filter {
    const option = `, max_edit_distance=${wholeNumber(maxEditDistance, 'changes', 0)}`;
    return this.#called('text_match_fuzzy', text, option);
  }

  phraseMatch(text: string, slop?: number): Filter {
    return this.#called(
      'phrase_match',
      text,
      slop === undefined ? '' : `, ${wholeNumber(slop, 'places', 0)}`,
    );
  }

  isNull(): Filter {
    return new Filter([`${this.#operand} is null`], []);
  }

  isNotNull(): Filter {
    return new Filter([`${this.#operand} is not null`], []);
  }

  exists(): Filter {
    return new Filter([`exists ${this.#operand}`], []);
  }

  /** A value inside JSON: `f.meta.at('author', 'born')`. */
  at(...steps: readonly Step[]): FieldFilter {
    return new FieldFilter(`${this.#operand}${steps.map(stepText).join('')}`, undefined);
  }

  contains(value: FilterValue): Filter {
    return this.#called(`${this.#containerWord()}_contains`, value);
  }

  containsAll(values: readonly FilterValue[]): Filter {
    return this.#called(`${this.#containerWord()}_contains_all`, values);
  }

  containsAny(values: readonly FilterValue[]): Filter {
    return this.#called(`${this.#containerWord()}_contains_any`, values);
  }

  length(): FieldFilter {
    return new FieldFilter(`array_length(${this.#operand})`, undefined);
  }

  any(condition: (element: never) => Filter): Filter {
    return this.#matched('match_any', condition, '');
  }

  all(condition: (element: never) => Filter): Filter {
    return this.#matched('match_all', condition, '');
  }

  least(count: number, condition: (element: never) => Filter): Filter {
    return this.#matched('match_least', condition, thresholdText(count));
  }

  most(count: number, condition: (element: never) => Filter): Filter {
    return this.#matched('match_most', condition, thresholdText(count));
  }

  exactly(count: number, condition: (element: never) => Filter): Filter {
    return this.#matched('match_exact', condition, thresholdText(count));
  }

  within(wkt: string): Filter {
    return this.#called('st_within', wkt);
  }

  intersects(wkt: string): Filter {
    return this.#called('st_intersects', wkt);
  }

  covers(wkt: string): Filter {
    return this.#called('st_contains', wkt);
  }

  touches(wkt: string): Filter {
    return this.#called('st_touches', wkt);
  }

  overlaps(wkt: string): Filter {
    return this.#called('st_overlaps', wkt);
  }

  crosses(wkt: string): Filter {
    return this.#called('st_crosses', wkt);
  }

  sameAs(wkt: string): Filter {
    return this.#called('st_equals', wkt);
  }

  near(point: string, metres: number): Filter {
    return new Filter([`st_dwithin(${this.#operand}, `, ', ', ')'], [point, metres]);
  }

  #compared(sign: string, value: FilterValue): Filter {
    return new Filter([`${this.#operand}${sign}`, ''], [value]);
  }

  /** @param option what stands behind the value, written by this class */
  #called(name: string, value: FilterValue, option = ''): Filter {
    return new Filter([`${name}(${this.#operand}, `, `${option})`], [value]);
  }

  #containerWord(): string {
    return this.#spec?.type === 'Array' ? 'array' : 'json';
  }

  #matched(name: string, condition: (element: never) => Filter, threshold: string): Filter {
    const element = elementOf(this.#spec) as never;
    return enclosed(`${name}(${this.#operand}, `, condition(element), `${threshold})`);
  }
}

/** The element at hand inside `any`, `all` and their like: itself in an array, its members in a struct array. */
function elementOf(spec: FieldSpec | undefined): object {
  if (spec?.members === undefined) return new FieldFilter('$', undefined);
  const members = Object.entries(spec.members).map(
    ([name, member]) => [name, new FieldFilter(`$[${name}]`, member)] as const,
  );
  return Object.fromEntries(members);
}

const thresholdText = (count: number): string => `, threshold=${wholeNumber(count, 'elements', 0)}`;

/** A number that stands in the text of a filter. */
function wholeNumber(count: number, what: string, least: number): number {
  if (Number.isSafeInteger(count) && count >= least) return count;
  throw ClientError.ofInput(`${count} ${what}, expected a whole number from ${least}`);
}

function stepText(step: Step): string {
  if (typeof step === 'string') return `[${quoted(step)}]`;
  if (!Number.isSafeInteger(step) || step < 0)
    throw ClientError.ofInput(`a path has the index ${step}, expected a whole number from 0`);
  return `[${step}]`;
}
