// The output of BM25 functions: of each text a sparse vector of how often each of its words is in it, by the number of the word. It is made
// once, where a write is checked; the log and all files keep it, so that a replay or another version of an analyzer changes no row.
import { must } from '#base/assert.js';
import { bytesView } from '#base/bytes.js';
import { bytesAt, column, findColumn, isNull } from '#model/columns/column.js';
import { defaultBytes } from '#model/columns/column-values.js';
import { DataType } from '#model/schema/data-type.js';
import { fieldById } from '#model/schema/field.js';
import { type Column, ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import type { Analyzer } from '#text/analyzer.js';
import { fieldAnalyzers } from '#text/field-analyzers.js';

/** Lets others run between the rows of a large batch. */
export interface Rests {
  readonly isDue: boolean;
  rest(): Promise<void>;
}

/** The batch with the columns that functions make, in the order of the schema; those that it has are made anew. */
export async function withFunctionOutputs(
  schema: CollectionSchema,
  batch: ColumnBatch,
  pace: Rests,
): Promise<ColumnBatch> {
  const made = new Map<bigint, Column>();
  for (const { inputFieldIds, outputFieldIds } of schema.functions) {
    const input = must(fieldById(schema, inputFieldIds[0] ?? 0n), 'input field of a function');
    const outputId = must(outputFieldIds[0], 'output field of a function');
    made.set(outputId, await vectorsOf(schema, batch, { input, outputId, pace }));
  }
  const columns = schema.fields.flatMap(
    ({ fieldID }) => made.get(fieldID) ?? findColumn(batch, fieldID) ?? [],
  );
  return ColumnBatch.create({ ...batch, columns });
}

interface Output {
  readonly input: FieldSchema;
  readonly outputId: bigint;
  readonly pace: Rests;
}

async function vectorsOf(
  schema: CollectionSchema,
  batch: ColumnBatch,
  { input, outputId, pace }: Output,
): Promise<Column> {
  const analyzers = fieldAnalyzers(input);
  const texts = textsOf(batch, input);
  const chooser = schema.fields.find(({ name }) => name === analyzers.byField);
  const names = chooser && textsOf(batch, chooser);
  const counts = new TermCounts();
  const rows: Uint8Array[] = [];
  let bytes = 0;
  for (let row = 0; row < batch.rowCount; row++) {
    const text = texts(row);
    const vector = text === undefined ? NONE : counts.of(analyzers.of(names?.(row)), text);
    rows.push(vector);
    bytes += vector.length;
    if (pace.isDue) await pace.rest();
  }
  const data = new Uint8Array(bytes);
  const offsets = new Uint32Array(batch.rowCount + 1);
  let at = 0;
  for (const [row, vector] of rows.entries()) {
    data.set(vector, at);
    at += vector.length;
    offsets[row + 1] = at;
  }
  return column(outputId, DataType.SparseFloatVector, data, bytesView(offsets), NONE);
}

const NONE = new Uint8Array(0);
const utf8 = new TextDecoder();

/** The text of each row: undefined for null. */
function textsOf(batch: ColumnBatch, field: FieldSchema): (row: number) => string | undefined {
  const sent = findColumn(batch, field.fieldID);
  if (sent !== undefined) return (row) => (isNull(sent, row) ? undefined : utf8.decode(bytesAt(sent, row)));
  const filler = defaultBytes(field);
  const text = filler && utf8.decode(filler);
  return () => text;
}

/** The words of a text as pairs of number and count, by ascending number: the bytes of a sparse vector. */
class TermCounts {
  #hashes = new Uint32Array(1024);

  of(analyzer: Analyzer, text: string): Uint8Array {
    let length = 0;
    analyzer.terms(text, ({ hash }) => {
      if (length === this.#hashes.length) this.#grow();
      this.#hashes[length++] = hash;
    });
    const sorted = this.#hashes.subarray(0, length).sort();
    let count = 0;
    for (let at = 0; at < length; at++) if (at === 0 || sorted[at] !== sorted[at - 1]) count++;
    const words = new Uint32Array(count * 2);
    const floats = new Float32Array(words.buffer);
    let pair = 0;
    for (let at = 0; at < length; ) {
      const begin = at;
      while (at < length && sorted[at] === sorted[begin]) at++;
      words[pair] = sorted[begin] as number;
      floats[pair + 1] = at - begin;
      pair += 2;
    }
    return bytesView(words);
  }

  #grow(): void {
    const larger = new Uint32Array(this.#hashes.length * 2);
    larger.set(this.#hashes);
    this.#hashes = larger;
  }
}
