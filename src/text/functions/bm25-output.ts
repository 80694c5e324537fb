// The output of BM25 functions: of each text a sparse vector of how often each of its words is in it, by the number of the word.
import { bytesView } from '#base/bytes.js';
import { column } from '#model/columns/column.js';
import { DataType } from '#model/schema/data-type.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { Analyzer } from '#text/analyzer.js';
import { fieldAnalyzers } from '#text/field-analyzers.js';
import { textsOf } from './input-texts.js';
import type { OutputParts } from './output-parts.js';

const NONE = new Uint8Array(0);

/** The column of the vectors. */
export async function termVectors(
  schema: CollectionSchema,
  batch: ColumnBatch,
  { input, output, pace }: OutputParts,
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
  return column(output.fieldID, DataType.SparseFloatVector, data, bytesView(offsets), NONE);
}

/** The words of a text as pairs of number and count, by ascending number: the bytes of a sparse vector. */
class TermCounts {
  #hashes = new Uint32Array(1024);

  of(analyzer: Analyzer, text: string): Uint8Array {
    let length = 0;
    analyzer.hashes(text, (hash) => {
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
