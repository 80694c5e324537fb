// A field whose vectors a function makes of texts can be searched by texts: which function that is, and with which analyzer.
import { fieldById } from '#model/schema/field.js';
import {
  type CollectionSchema,
  type FieldSchema,
  type FunctionSchema,
  FunctionType,
} from '#proto/milvus/schema.js';
import type { Analyzer } from '#text/analyzer.js';
import { fieldAnalyzers } from '#text/field-analyzers.js';

export interface TextsPlan {
  readonly made: FunctionSchema;
  readonly output: FieldSchema;
  /** The text of the rows; undefined: it is not loaded, and is not needed. */
  readonly input: FieldSchema | undefined;
  /** That which the search names. */
  readonly analyzer: Analyzer | undefined;
}

/** @returns undefined where no function makes dense vectors of texts @throws invalid_parameter for an analyzer that is not known */
export function textsPlan(
  schema: CollectionSchema,
  output: FieldSchema,
  analyzerName: string | undefined,
): TextsPlan | undefined {
  const made = schema.functions.find(({ outputFieldIds }) => outputFieldIds.includes(output.fieldID));
  if (made === undefined || made.type === FunctionType.BM25) return undefined;
  const input = fieldById(schema, made.inputFieldIds[0] ?? 0n);
  if (made.type !== FunctionType.MinHash)
    // An embedding has no words: wordsPlan refuses the name of an analyzer.
    return analyzerName === undefined ? { made, output, input, analyzer: undefined } : undefined;
  const analyzer =
    analyzerName !== undefined && input ? fieldAnalyzers(input).named(analyzerName) : undefined;
  return { made, output, input, analyzer };
}
