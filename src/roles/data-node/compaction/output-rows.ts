// Which rows of which sources make each new segment, and in what order. Pure.
import { type OrderColumn, rowOrder } from '#model/columns/value-order.js';

/** Rows of a segment that is to be: row `rows[i]` of source `sources[i]` is its row i. */
export interface OutputRows {
  readonly sources: Uint16Array;
  readonly rows: Uint32Array;
}

/** A WASM memory and a table of keys hold no more rows. */
const ROWS_MAX = 1 << 23;
/** What is this much larger than asked is not worth a second segment. */
const SLACK = 1.25;

/** One after another, in as many segments of about one size as the bytes want. @param kept rows that stay, of each source */
export function outputRows(
  kept: readonly Uint32Array[],
  order: ArrayLike<number> | undefined,
  bytes: { readonly perRow: number; readonly target: number },
): readonly OutputRows[] {
  const total = kept.reduce((sum, { length }) => sum + length, 0);
  if (total === 0) return [];
  const sources = new Uint16Array(total);
  const rows = new Uint32Array(total);
  let at = 0;
  for (const [source, own] of kept.entries()) {
    sources.fill(source, at, at + own.length);
    rows.set(own, at);
    at += own.length;
  }
  const wanted = (total * bytes.perRow) / Math.max(1, bytes.target);
  const count = Math.max(wanted <= SLACK ? 1 : Math.ceil(wanted), Math.ceil(total / ROWS_MAX));
  const step = Math.ceil(total / count);
  const outputs: OutputRows[] = [];
  for (let begin = 0; begin < total; begin += step) {
    const end = Math.min(total, begin + step);
    outputs.push(
      order === undefined
        ? { sources: sources.slice(begin, end), rows: rows.slice(begin, end) }
        : {
            sources: Uint16Array.from(
              { length: end - begin },
              (_, i) => sources[order[begin + i] as number] as number,
            ),
            rows: Uint32Array.from(
              { length: end - begin },
              (_, i) => rows[order[begin + i] as number] as number,
            ),
          },
    );
  }
  return outputs;
}

/** For each source the rows of the output that are its own, ascending. */
export function rowsBySource({ sources }: OutputRows, sourceCount: number): readonly Uint32Array[] {
  const counts = new Uint32Array(sourceCount);
  for (let at = 0; at < sources.length; at++)
    counts[sources[at] as number] = (counts[sources[at] as number] ?? 0) + 1;
  const lists = Array.from(counts, (count) => new Uint32Array(count));
  counts.fill(0);
  for (let at = 0; at < sources.length; at++) {
    const source = sources[at] as number;
    const next = counts[source] as number;
    (lists[source] as Uint32Array)[next] = at;
    counts[source] = next + 1;
  }
  return lists;
}

/** Places of the rows that stay, counted over all sources, in the order of a field's values; rows of equal values as they were. */
export function sortedPlaces(kept: readonly Uint32Array[], values: readonly OrderColumn[]): Uint32Array {
  const compare = rowOrder([{ descending: false, nullsFirst: true }]);
  const places: { readonly source: OrderColumn; readonly row: number; readonly at: number }[] = [];
  for (const [index, rows] of kept.entries()) {
    const source = values[index];
    if (source === undefined) continue;
    for (const row of rows) places.push({ source, row, at: places.length });
  }
  places.sort((a, b) => compare([a.source], a.row, [b.source], b.row) || a.at - b.at);
  return Uint32Array.from(places, ({ at }) => at);
}
