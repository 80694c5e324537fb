// Step 6 of a search, behind the fetch: fragments of the texts of the hits, with tags around the words that were looked for. It changes
// nothing of which rows are found, or of their scores. A word of a text is marked when the analyzer of its row makes of it what the analyzer
// of the search makes of a word that was looked for: so "running" is marked for "run" where both become one stem.
import { must } from '#base/assert.js';
import { ANSWER_BYTES_MAX, answerTooLarge } from '#model/answer-bounds.js';
import { findColumn, isNull, stringAt } from '#model/columns/column.js';
import type { Pace } from '#platform/pace.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { HighlightData, HighlightResult } from '#proto/milvus/common.js';
import type { Hits } from '#segment/search/hits.js';
import type { Analyzer } from '#text/analyzer.js';
import { fragmentsOf, mergedSpans, type Span } from '#text/highlight/fragments.js';
import type { Highlighting, MarkedField } from './highlighter-request.js';

/** Characters that a fragment counts beside its own: texts of short words have many, and each is an object while the answer is made. */
const FRAGMENT_COST = 32;

/** Fields that are read for it, whether the answer shows them or not. */
export const highlightedIds = ({ fields }: Highlighting): bigint[] =>
  fields.flatMap(({ field, chooser }) =>
    chooser === undefined ? [field.fieldID] : [field.fieldID, chooser.fieldID],
  );

/**
 * @param rows of the hits, row for row, with the fields that are marked
 * @throws invalid_parameter when the fragments are too large together; cancelled, deadline_exceeded
 */
export async function highlightHits(
  { form, fields }: Highlighting,
  { counts }: Pick<Hits, 'counts'>,
  rows: ColumnBatch,
  pace: Pace,
): Promise<HighlightResult[]> {
  let room = ANSWER_BYTES_MAX;
  const results: HighlightResult[] = [];
  for (const marked of fields) {
    const texts = textsOf(marked, rows);
    const asked = new Set<string>();
    for (const text of marked.asked) addWords(asked, queryAnalyzer(marked), text);
    const datas: HighlightData[] = [];
    for (const [query, count] of counts.entries()) {
      const isWanted = wantedWords(marked, asked, query);
      for (const end = datas.length + count; datas.length < end; ) {
        const { text, analyzer } = texts(datas.length);
        const fragments: string[] = [];
        const spans = text === undefined || isWanted === undefined ? [] : spansIn(text, analyzer, isWanted);
        for (const fragment of fragmentsOf(text ?? '', spans, form)) {
          room -= fragment.length + FRAGMENT_COST;
          if (room < 0) throw answerTooLarge('search');
          fragments.push(fragment);
          if (pace.isDue) await pace.rest();
        }
        datas.push({ fragments, scores: [] });
        if (pace.isDue) await pace.rest();
      }
      if (pace.isDue) await pace.rest();
    }
    results.push({ fieldName: marked.field.name, datas });
  }
  return results;
}

const queryAnalyzer = ({ analyzers, analyzerName }: MarkedField): Analyzer =>
  analyzerName === undefined ? analyzers.of(undefined) : analyzers.named(analyzerName);

type IsWanted = (word: string) => boolean;

/** The words that all queries share may be many, so they are not copied for each. @returns undefined where there are none at all */
function wantedWords(marked: MarkedField, asked: ReadonlySet<string>, query: number): IsWanted | undefined {
  const text = marked.searched[query];
  const own = new Set<string>();
  if (text !== undefined) addWords(own, queryAnalyzer(marked), text);
  if (own.size === 0 && asked.size === 0) return undefined;
  return (word) => own.has(word) || asked.has(word);
}

const addWords = (to: Set<string>, analyzer: Analyzer, text: string): void =>
  analyzer.terms(text, ({ text: word }) => to.add(word));

function spansIn(text: string, analyzer: Analyzer, isWanted: IsWanted): Span[] {
  const spans: Span[] = [];
  analyzer.words(text, (word, begin, end) => {
    if (isWanted(word)) spans.push({ begin, end });
  });
  return mergedSpans(spans);
}

interface RowText {
  /** Undefined for null. */
  readonly text: string | undefined;
  readonly analyzer: Analyzer;
}

function textsOf({ field, chooser, analyzers }: MarkedField, rows: ColumnBatch): (row: number) => RowText {
  const texts = must(findColumn(rows, field.fieldID), `column ${field.name}`);
  const names = chooser && must(findColumn(rows, chooser.fieldID), `column ${chooser.name}`);
  const usual = analyzers.of(undefined);
  return (row) => ({
    text: textAt(texts, row),
    analyzer: names === undefined ? usual : analyzers.of(textAt(names, row)),
  });
}

const textAt = (column: Column, row: number): string | undefined =>
  isNull(column, row) ? undefined : stringAt(column, row);
