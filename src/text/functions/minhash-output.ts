// The output of MinHash functions: of each text a signature, in which two texts agree about as often as their shingles do.
import { bytesView } from '#base/bytes.js';
import { column } from '#model/columns/column.js';
import { minHashParams } from '#model/functions/minhash-params.js';
import { DataType } from '#model/schema/data-type.js';
import type { Column, ColumnBatch } from '#proto/elanus/data.js';
import type { CollectionSchema, FieldSchema, FunctionSchema } from '#proto/milvus/schema.js';
import type { Analyzer } from '#text/analyzer.js';
import { fieldAnalyzers } from '#text/field-analyzers.js';
import { textsOf } from './input-texts.js';
import { MinHashSignatures } from './minhash-signatures.js';
import type { OutputParts } from './output-parts.js';
import type { Rests } from './rests.js';

const NONE = new Uint8Array(0);

/** The column of the signatures. A text that is null has none of any word: its signature is that of the empty text. */
export async function signatures(
  schema: CollectionSchema,
  batch: ColumnBatch,
  { made, input, output, pace }: OutputParts,
): Promise<Column> {
  const params = minHashParams(made, output);
  const analyzers = params.isOfWords ? fieldAnalyzers(input) : undefined;
  const chooser = schema.fields.find(({ name }) => name === analyzers?.byField);
  const names = chooser && textsOf(batch, chooser);
  const texts = textsOf(batch, input);
  const makes = new MinHashSignatures(params);
  const data = new Uint32Array(batch.rowCount * params.hashCount);
  for (let row = 0; row < batch.rowCount; row++) {
    await makes.write(
      texts(row) ?? '',
      analyzers?.of(names?.(row)),
      { data, begin: row * params.hashCount },
      pace,
    );
  }
  return column(output.fieldID, DataType.BinaryVector, bytesView(data), NONE, NONE);
}

/** The signatures of texts that are searched for, one after another. */
export async function querySignatures(
  texts: readonly string[],
  { made, input, output, analyzer }: QueryParts,
  pace: Rests,
): Promise<Uint8Array> {
  const params = minHashParams(made, output);
  const makes = new MinHashSignatures(params);
  const data = new Uint32Array(texts.length * params.hashCount);
  for (const [at, text] of texts.entries()) {
    const words = params.isOfWords ? (analyzer ?? fieldAnalyzers(input).of(undefined)) : undefined;
    await makes.write(text, words, { data, begin: at * params.hashCount }, pace);
  }
  return bytesView(data);
}

interface QueryParts {
  readonly made: FunctionSchema;
  readonly input: FieldSchema;
  readonly output: FieldSchema;
  /** That which the search names; undefined: the usual one. */
  readonly analyzer: Analyzer | undefined;
}
