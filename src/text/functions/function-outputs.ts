// What the functions of a schema make of rows. It is made once, where a write is checked; the log and all files keep it, so that a replay, another
// version of an analyzer or another model changes no row (ADR 0052).
import { assert, must } from '#base/assert.js';
import { column, findColumn } from '#model/columns/column.js';
import { fieldById } from '#model/schema/field.js';
import { type Column, ColumnBatch } from '#proto/elanus/data.js';
import { type CollectionSchema, FunctionType } from '#proto/milvus/schema.js';
import { termVectors } from './bm25-output.js';
import type { Embedder, EmbeddingCaller } from './embedder.js';
import { textsOf } from './input-texts.js';
import { signatures } from './minhash-output.js';
import type { OutputParts } from './output-parts.js';
import type { Rests } from './rests.js';

/** What outputs are made with. */
export interface OutputMakers {
  readonly pace: Rests;
  readonly embedder: Embedder;
  readonly caller: EmbeddingCaller;
  /** Rows of files, of which there may be any number. */
  readonly isBulk?: boolean;
  /** Columns that a client sent for rows that were there: an embedding whose text is not among them stays as it was. */
  readonly changed?: ColumnBatch;
}

const NONE = new Uint8Array(0);

/** The batch with the columns that functions make, in the order of the schema; those that it has are made anew. */
export async function withFunctionOutputs(
  schema: CollectionSchema,
  batch: ColumnBatch,
  makers: OutputMakers,
): Promise<ColumnBatch> {
  const outputs = new Map<bigint, Column>();
  for (const made of schema.functions) {
    const input = must(fieldById(schema, made.inputFieldIds[0] ?? 0n), 'input field of a function');
    const output = must(fieldById(schema, made.outputFieldIds[0] ?? 0n), 'output field of a function');
    const parts = { made, input, output, pace: makers.pace };
    outputs.set(output.fieldID, await columnOf(schema, batch, parts, makers));
  }
  const columns = schema.fields.flatMap(
    ({ fieldID }) => outputs.get(fieldID) ?? findColumn(batch, fieldID) ?? [],
  );
  return ColumnBatch.create({ ...batch, columns });
}

function columnOf(
  schema: CollectionSchema,
  batch: ColumnBatch,
  parts: OutputParts,
  makers: OutputMakers,
): Promise<Column> | Column {
  switch (parts.made.type) {
    case FunctionType.BM25:
      return termVectors(schema, batch, parts);
    case FunctionType.MinHash:
      return signatures(schema, batch, parts);
    default:
      assert(parts.made.type === FunctionType.TextEmbedding, `function of type ${parts.made.type}`);
      return embeddings(batch, parts, makers);
  }
}

async function embeddings(
  batch: ColumnBatch,
  { made, input, output }: OutputParts,
  { embedder, caller, isBulk = false, changed }: OutputMakers,
): Promise<Column> {
  const before = findColumn(batch, output.fieldID);
  const isUnchanged = changed !== undefined && findColumn(changed, input.fieldID) === undefined;
  // Rows that were there before the function may lack what it makes.
  if (isUnchanged && before?.valid.includes(0) === false) return before;
  const textOf = textsOf(batch, input);
  const texts = Array.from({ length: batch.rowCount }, (_, row) => textOf(row) ?? '');
  const data =
    texts.length === 0 ? NONE : await embedder.embed({ made, output, texts, mode: 'rows', isBulk }, caller);
  return column(output.fieldID, output.dataType, data, NONE, NONE);
}
