// What is checked of a function by its type when it comes into a schema. Texts are Milvus's.
import { ElanusError } from '#base/errors.js';
import type { FieldSchema, FunctionSchema } from '#proto/milvus/schema.js';

export interface FunctionKind {
  /** What is said where there is not one input field. */
  inputs(count: number, name: string): string;
  outputs(count: number, name: string): string;
  /** @throws invalid_parameter */
  check(parts: FunctionParts): void;
}

export interface FunctionParts {
  readonly sent: FunctionSchema;
  readonly input: FieldSchema;
  readonly output: FieldSchema;
}

export function refuse(text: string): never {
  throw new ElanusError('invalid_parameter', `${text}: invalid parameter`);
}
