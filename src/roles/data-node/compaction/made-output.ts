// What a function makes of rows that lack it: their texts are read, and go through the function as those of a write do. A row of a segment that is
// replaced by this one has it from one version of the function, whose schema the caller gives (ADR 0062). A text that is refused is looked for by halves.
import { must } from '#base/assert.js';
import { batchOf, concatBatches, findColumn, gatherBatch, sliceColumn } from '#model/columns/column.js';
import { fieldById } from '#model/schema/field.js';
import { Pace } from '#platform/pace.js';
import type { Platform } from '#platform/platform.js';
import type { ColumnBatch, SegmentRecord } from '#proto/elanus/data.js';
import { CollectionSchema, type FunctionSchema } from '#proto/milvus/schema.js';
import { readFields } from '#segment/files/segment-columns.js';
import { throwIfAborted } from '#segment/imports/file-errors.js';
import { fieldAnalyzers } from '#text/field-analyzers.js';
import type { Embedder } from '#text/functions/embedder.js';
import { withFunctionOutputs } from '#text/functions/function-outputs.js';
import { isRefusal, REFUSED_MAX, type RefusedRow } from './refused-rows.js';

/** Rows whose texts are strings at a time. */
const SLICE_ROWS = 1024;

interface OutputMaking {
  readonly platform: Platform;
  readonly embedder: Embedder;
  readonly signal: AbortSignal;
}

interface Wanted {
  readonly record: SegmentRecord;
  /** Rows of the segment that are wanted, ascending. */
  readonly rows: Uint32Array;
  readonly fieldId: bigint;
}

export interface MadeOutput {
  /** The column of the field of all rows, in which those that are wanted and not refused have what the function makes; undefined: there is none. */
  readonly batch: ColumnBatch | undefined;
  /** Ascending. */
  readonly refused: readonly RefusedRow[];
}

/** @throws what the function throws of more than a few rows, or of all whatever their texts are; cancelled */
export async function madeOutput(
  { platform, embedder, signal }: OutputMaking,
  schema: CollectionSchema,
  { record, rows, fieldId }: Wanted,
): Promise<MadeOutput> {
  const made = must(
    schema.functions.find(({ outputFieldIds }) => outputFieldIds.includes(fieldId)),
    `function that makes field ${fieldId}`,
  );
  const inputs = gatherBatch(await readFields(platform, record.files, schema, inputsOf(schema, made)), rows);
  const alone = CollectionSchema.create({ ...schema, functions: [made] });
  const makers = { pace: new Pace(platform, { signal }), embedder, caller: { signal }, isBulk: true };
  const parts: ColumnBatch[] = [];
  const refused: RefusedRow[] = [];
  const add = async (begin: number, end: number): Promise<void> => {
    throwIfAborted(signal);
    const slice = inputs.columns.map((column) => sliceColumn(column, begin, end, rows.length));
    try {
      const whole = await withFunctionOutputs(alone, batchOf(end - begin, slice), makers);
      parts.push(
        batchOf(end - begin, [must(findColumn(whole, fieldId), `what function ${made.name} makes`)]),
      );
    } catch (error) {
      if (!isRefusal(error) || refused.length >= REFUSED_MAX) throw error;
      if (end - begin > 1) {
        const half = (begin + end) >>> 1;
        await add(begin, half);
        await add(half, end);
      } else refused.push({ row: must(rows[begin], 'a wanted row'), functionName: made.name, error });
    }
    await platform.timers.yield();
  };
  for (let begin = 0; begin < rows.length; begin += SLICE_ROWS)
    await add(begin, Math.min(rows.length, begin + SLICE_ROWS));
  const isRefused = new Set(refused.map(({ row }) => row));
  const left = refused.length === 0 ? rows : rows.filter((row) => !isRefused.has(row));
  const batch =
    left.length === 0
      ? undefined
      : gatherBatch(concatBatches(parts), placesOf(left, Number(record.rowCount)));
  return { batch, refused };
}

/** Where the value of each row is among those that were made. Rows that nobody wants have that of the row before: they are not read. */
function placesOf(rows: Uint32Array, rowCount: number): Uint32Array {
  const places = new Uint32Array(rowCount);
  for (let at = 0; at < rows.length; at++) places.fill(at, rows[at], rows[at + 1] ?? rowCount);
  return places;
}

/** The text, and the field that names an analyzer for each row. */
function inputsOf(schema: CollectionSchema, { inputFieldIds }: FunctionSchema): readonly bigint[] {
  const ids = new Set(inputFieldIds);
  for (const id of inputFieldIds) {
    const field = must(fieldById(schema, id), 'input field of a function');
    const chooser = schema.fields.find(({ name }) => name === fieldAnalyzers(field).byField);
    if (chooser !== undefined) ids.add(chooser.fieldID);
  }
  return [...ids];
}
