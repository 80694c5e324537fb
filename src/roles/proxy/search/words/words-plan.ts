// What a search for words needs of the collection: how BM25 is reckoned, and by which analyzer the texts of the search become words.
import { ElanusError } from '#base/errors.js';
import type { BuildParams } from '#model/params/index-types.js';
import { fieldById } from '#model/schema/field.js';
import type { Bm25 } from '#proto/elanus/roles.js';
import { type CollectionSchema, type FieldSchema, FunctionType } from '#proto/milvus/schema.js';
import type { Analyzer } from '#text/analyzer.js';
import { fieldAnalyzers } from '#text/field-analyzers.js';

export interface WordsPlan {
  readonly k1: number;
  readonly b: number;
  readonly analyzer: Analyzer;
}

/** Where in the life of a shard its words were counted: its search sees the same rows. */
export interface CountedAt {
  readonly time: bigint;
  readonly importsUntil: bigint;
}

export interface SearchedWords {
  readonly texts: readonly string[];
  /** Undefined until words were counted. */
  readonly bm25: Bm25 | undefined;
  /** By shard. */
  readonly countedAt: readonly CountedAt[];
}

const K1 = 1.2;
const B = 0.75;

interface Asked {
  readonly field: FieldSchema;
  /** How the index was built; undefined: there is none. */
  readonly build: BuildParams | undefined;
  readonly analyzerName: string | undefined;
}

/** @returns undefined where vectors are searched @throws invalid_parameter */
export function wordsPlan(
  schema: CollectionSchema,
  metric: string,
  { field, build, analyzerName }: Asked,
): WordsPlan | undefined {
  if (metric !== 'BM25') {
    if (analyzerName === undefined) return undefined;
    throw new ElanusError(
      'invalid_parameter',
      `analyzer_name is for searches of texts, and field ${field.name} is searched by vectors; leave it out: invalid parameter`,
    );
  }
  const made = schema.functions.find(
    ({ type, outputFieldIds }) => type === FunctionType.BM25 && outputFieldIds.includes(field.fieldID),
  );
  const input = made && fieldById(schema, made.inputFieldIds[0] ?? 0n);
  if (input === undefined)
    throw new ElanusError(
      'invalid_parameter',
      `the texts of field ${field.name} are not loaded; load the input of its function, too: invalid parameter`,
    );
  const analyzers = fieldAnalyzers(input);
  const isOfWords = build?.kind === 'SPARSE_INVERTED_INDEX';
  return {
    k1: isOfWords ? build.bm25K1 : K1,
    b: isOfWords ? build.bm25B : B,
    analyzer: analyzerName === undefined ? analyzers.of(undefined) : analyzers.named(analyzerName),
  };
}
