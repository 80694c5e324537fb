// Rows of which a function makes nothing, since a service or an analyzer refuses their texts. The rows beside them get what it makes; they themselves
// go into segments of their own that lack it as before, so that the next try asks for them alone (ADR 0075).
import { must } from '#base/assert.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { int64At, stringAt } from '#model/columns/column.js';
import { primaryField } from '#model/schema/field.js';
import type { Platform } from '#platform/platform.js';
import type { SegmentRecord } from '#proto/elanus/data.js';
import { type CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { readFields } from '#segment/files/segment-columns.js';
import type { OutputRows } from './output-rows.js';

export interface RefusedRow {
  /** Its place in its segment. */
  readonly row: number;
  readonly functionName: string;
  readonly error: ElanusError;
}

/** More refused rows of one slice are taken for a service that refuses everything: no row is to blame then. */
export const REFUSED_MAX = 16;
const KEYS_SHOWN = 8;
const KEY_LENGTH_MAX = 64;

/** What says that the text itself is wrong, or all of them are; what passes by itself is neither. */
export const isRefusal = (error: unknown): error is ElanusError =>
  error instanceof ElanusError && (error.key === 'function_failed' || error.key === 'invalid_parameter');

/** The output without the refused rows, and they alone. @param refused by source */
export function splitOutput(
  { sources, rows }: OutputRows,
  refused: ReadonlyMap<number, ReadonlySet<number>>,
): { readonly made: OutputRows; readonly left: OutputRows } {
  const isLeft = (at: number): boolean =>
    refused.get(sources[at] as number)?.has(rows[at] as number) === true;
  const part = (wanted: boolean): OutputRows => ({
    sources: sources.filter((_, at) => isLeft(at) === wanted),
    rows: rows.filter((_, at) => isLeft(at) === wanted),
  });
  return { made: part(false), left: part(true) };
}

/** Names the rows by their keys, and says what the function said of the first. */
export async function rowsRefused(
  platform: Platform,
  schema: CollectionSchema,
  segments: readonly { readonly record: SegmentRecord; readonly refused: readonly RefusedRow[] }[],
): Promise<ElanusError> {
  const { fieldID, dataType } = primaryField(schema);
  const keys: string[] = [];
  let count = 0;
  for (const { record, refused } of segments) {
    count += refused.length;
    if (refused.length === 0 || keys.length >= KEYS_SHOWN) continue;
    const { columns } = await readFields(platform, record.files, schema, [fieldID]);
    const column = must(columns[0], 'column of the primary key');
    for (const { row } of refused.slice(0, KEYS_SHOWN - keys.length)) {
      const key = dataType === DataType.Int64 ? int64At(column, row) : stringAt(column, row);
      keys.push(String(key).slice(0, KEY_LENGTH_MAX));
    }
  }
  const first = must(segments.flatMap(({ refused }) => refused)[0], 'a refused row');
  const more = count > keys.length ? ` and ${count - keys.length} more` : '';
  const what = count === 1 ? `the row with key ${keys[0]}` : `the rows with keys ${keys.join(', ')}${more}`;
  return new ElanusError(
    'rows_refused',
    `function ${first.functionName} refuses ${what}: ${messageOf(first.error)}; delete ${count === 1 ? 'it' : 'them'}, or write ${count === 1 ? 'it' : 'them'} anew with another text`,
    { cause: first.error },
  );
}
