// Texts of consecutive rows as they lie in a column, and the run of their words.
import { keptAnalyzer } from './kept-analyzer.js';
import { type WordRun, WordRunBuilder } from './word-run.js';

export interface TextRows {
  /** Parameters of the analyzer. */
  readonly params: string;
  /** Rows [begin, end). */
  readonly begin: number;
  readonly end: number;
  /** The text of row r is [offsets[r - begin], offsets[r - begin + 1]) behind the first of them. */
  readonly offsets: Uint32Array;
  readonly data: Uint8Array;
  /** One byte a row, 0: null; empty: no row is. */
  readonly valid: Uint8Array;
}

/** The part of a column that has the rows [begin, end): copies, so that nothing else goes to another thread with them. */
export function textRows(
  params: string,
  { offsets, data, valid }: Pick<TextRows, 'offsets' | 'data' | 'valid'>,
  begin: number,
  end: number,
): TextRows {
  return {
    ...{ params, begin, end },
    offsets: offsets.slice(begin, end + 1),
    data: data.slice(offsets[begin], offsets[end]),
    valid: valid.slice(begin, end),
  };
}

const utf8 = new TextDecoder();

/** Gives a turn to its caller behind each row. */
export function* wordsOfRows({
  params,
  begin,
  end,
  offsets,
  data,
  valid,
}: TextRows): Generator<void, WordRun> {
  const analyzer = keptAnalyzer(params);
  const builder = new WordRunBuilder(begin);
  const first = offsets[0] ?? 0;
  for (let row = begin; row < end; row++) {
    const at = row - begin;
    if (valid[at] === 0) continue;
    const text = utf8.decode(
      data.subarray((offsets[at] as number) - first, (offsets[at + 1] as number) - first),
    );
    builder.add(row, text, analyzer);
    yield;
  }
  return builder.finish(end);
}
