// One function of a schema, with its fields.
import type { FieldSchema, FunctionSchema } from '#proto/milvus/schema.js';
import type { Rests } from './rests.js';

export interface OutputParts {
  readonly made: FunctionSchema;
  readonly input: FieldSchema;
  readonly output: FieldSchema;
  readonly pace: Rests;
}
