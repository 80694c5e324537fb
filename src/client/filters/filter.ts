// A filter before it is sent: pieces of text that the program wrote, and between them values. Values never become text: they are sent
// beside it as templates, so what a user typed cannot end a string or add a condition.
import { ClientError } from '#client/errors.js';
import type { TemplateValue } from '#proto/milvus/schema.js';
import { type FilterValue, templateValueOf } from './template-value.js';

/** As requests have it. */
export interface RenderedFilter {
  readonly expr: string;
  readonly exprTemplateValues: { [name: string]: TemplateValue };
}

/** A condition on rows. It never changes; it is rendered once, however often it is used. */
export class Filter {
  /** One more than values: texts before, between and behind them. */
  readonly pieces: readonly string[];
  readonly values: readonly FilterValue[];
  #rendered: RenderedFilter | undefined;

  constructor(pieces: readonly string[], values: readonly FilterValue[]) {
    this.pieces = pieces;
    this.values = values;
  }

  /** Passes where this and all others pass. */
  and(...others: readonly Filter[]): Filter {
    return joined('and', [this, ...others]);
  }

  /** Passes where this or one of the others passes. */
  or(...others: readonly Filter[]): Filter {
    return joined('or', [this, ...others]);
  }

  /** Passes where this does not; where a null makes this unknown, neither passes. */
  not(): Filter {
    return enclosed('not (', this, ')');
  }

  /** The text with the names of its values, and the values. @throws InvalidRequestError for what is no value */
  render(): RenderedFilter {
    this.#rendered ??= this.#render();
    return this.#rendered;
  }

  #render(): RenderedFilter {
    const exprTemplateValues: { [name: string]: TemplateValue } = {};
    let expr = this.pieces[0] ?? '';
    for (const [at, value] of this.values.entries()) {
      exprTemplateValues[`p${at}`] = templateValueOf(value);
      expr += `{p${at}}${this.pieces[at + 1] ?? ''}`;
    }
    return { expr, exprTemplateValues };
  }
}

export const enclosed = (before: string, { pieces, values }: Filter, after: string): Filter => {
  const texts = [...pieces];
  texts[0] = before + (texts[0] ?? '');
  texts[texts.length - 1] += after;
  return new Filter(texts, values);
};

function joined(word: 'and' | 'or', filters: readonly Filter[]): Filter {
  const [first, ...others] = filters;
  if (first === undefined)
    throw ClientError.ofInput(`no filters are joined by ${word}, expected at least one`);
  if (others.length === 0) return first;
  const pieces: string[] = ['('];
  const values: FilterValue[] = [];
  filters.forEach((filter, at) => {
    pieces.push(`${pieces.pop() ?? ''}${at === 0 ? '' : `) ${word} (`}${filter.pieces[0] ?? ''}`);
    pieces.push(...filter.pieces.slice(1));
    values.push(...filter.values);
  });
  pieces.push(`${pieces.pop() ?? ''})`);
  return new Filter(pieces, values);
}

/** Passes where all pass. */
export const allOf = (...filters: readonly [Filter, ...Filter[]]): Filter => joined('and', filters);
/** Passes where one of them passes. */
export const anyOf = (...filters: readonly [Filter, ...Filter[]]): Filter => joined('or', filters);

/**
 * A filter as text, in the language of docs/filters.md: `` filter`id > ${least} and title like ${pattern}` ``. What stands in `${}` is a
 * value and is sent as one, or another filter, which is put in brackets.
 * @throws InvalidRequestError for null, undefined, and whatever else is no value
 */
export function filter(
  strings: TemplateStringsArray,
  ...inserted: readonly (FilterValue | Filter)[]
): Filter {
  const pieces: string[] = [strings[0] ?? ''];
  const values: FilterValue[] = [];
  inserted.forEach((one, at) => {
    const after = strings[at + 1] ?? '';
    if (!(one instanceof Filter)) {
      templateValueOf(one);
      values.push(one);
      pieces.push(after);
      return;
    }
    const inner = enclosed('(', one, ')');
    pieces.push(`${pieces.pop() ?? ''}${inner.pieces[0] ?? ''}`, ...inner.pieces.slice(1));
    values.push(...inner.values);
    pieces.push(`${pieces.pop() ?? ''}${after}`);
  });
  return new Filter(pieces, values);
}
