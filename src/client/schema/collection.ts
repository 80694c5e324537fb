// The declaration of a collection: its name, its fields and what else its creation says. It is data without a connection, made once and
// used with any client.

import { ClientError } from '#client/errors.js';
import type { FieldSpec } from './field-spec.js';
import type { Fields } from './row-types.js';

export interface CollectionSettings<Dynamic extends boolean = boolean> {
  /** Rows may have keys of their own, beside the fields. */
  readonly dynamic?: Dynamic;
  readonly description?: string;
  readonly shards?: number;
  /** With a partition key: over how many partitions rows are spread. */
  readonly partitions?: number;
  /** Properties of the collection, `{ 'collection.ttl.seconds': '3600' }`. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface Declaration<F extends Fields = Fields, Dynamic extends boolean = boolean> {
  readonly name: string;
  readonly fields: F;
  readonly settings: CollectionSettings<Dynamic>;
  /** Name of the primary key. */
  readonly key: string;
}

/**
 * Declares a collection.
 * @throws ClientError when there is not exactly one primary key
 */
export function collection<const F extends Fields, const Dynamic extends boolean = false>(
  name: string,
  fields: F,
  settings: CollectionSettings<Dynamic> = {},
): Declaration<F, Dynamic> {
  const keys = Object.entries(fields).filter(([, { spec }]) => spec.isPrimaryKey === true);
  const [key] = keys;
  if (key === undefined || keys.length > 1)
    throw ClientError.ofInput(
      `collection ${name}: ${keys.length} fields are primary keys, expected one; write int64().primaryKey() or varchar(64).primaryKey()`,
    );
  return { name, fields, settings, key: key[0] };
}

export const specOf = (declaration: Declaration, name: string): FieldSpec | undefined =>
  Object.hasOwn(declaration.fields, name) ? declaration.fields[name]?.spec : undefined;
