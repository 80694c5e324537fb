// Words that are marked in the texts of hits, as a search asks for them and as its answer has them.
import type { Fields, Name } from '#client/schema/row-types.js';
import type { Highlighter, HighlightResult } from '#proto/milvus/common.js';
import { paramsOf } from './read-options.js';

/** Fragments of texts around the words that are marked. Fields need an analyzer. */
export interface Highlight<F extends Fields> {
  /** By field, a text whose words are marked, as in the `text_match` of a filter. */
  readonly words?: { readonly [Field in Name<F>]?: string } | undefined;
  /** Words of the text that is searched for are marked, too. */
  readonly searched?: boolean | undefined;
  /** What stands before and behind each word; `<em>` and `</em>` when not given. */
  readonly tags?: readonly [before: string, behind: string] | undefined;
  /** Characters before the first word of a fragment; 0 when not given. */
  readonly offset?: number | undefined;
  /** Characters of a fragment; 100 when not given. */
  readonly size?: number | undefined;
  /** Fragments of a text; 5 when not given. */
  readonly count?: number | undefined;
}

/** By field, the fragments of a hit. */
export type Fragments = Readonly<Record<string, readonly string[]>>;

const LEXICAL = 0;

export function highlighterOf<F extends Fields>(given: Highlight<F> | undefined): Highlighter | undefined {
  if (given === undefined) return undefined;
  const { words = {}, searched, tags, offset, size, count } = given;
  const queries = Object.entries(words).map(([field, text]) => ({ type: 'TextMatch', field, text }));
  return {
    type: LEXICAL,
    params: paramsOf({
      pre_tags: tags && JSON.stringify([tags[0]]),
      post_tags: tags && JSON.stringify([tags[1]]),
      fragment_offset: offset,
      fragment_size: size,
      num_of_fragments: count,
      highlight_search_text: searched,
      highlight_query: queries.length === 0 ? undefined : JSON.stringify(queries),
    }),
  };
}

export const fragmentsAt = (results: readonly HighlightResult[], hit: number): Fragments =>
  Object.fromEntries(results.map(({ fieldName, datas }) => [fieldName, datas[hit]?.fragments ?? []]));
