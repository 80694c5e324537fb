// The declaration of a collection: its name, its fields and what else its creation says. It is data without a connection, made once and
// used with any client.

import { ClientError } from '#client/errors.js';
import type { FieldSpec } from './field-spec.js';
import type { Fields } from './row-types.js';

/**
 * Where rows of a namespace are. `partition_key`: with those of others, and a namespace is there with its first row. `partition`: in a
 * partition of their own, which `namespaces.create` makes, and a key of one is no key of another.
 */
export type NamespaceMode = 'partition_key' | 'partition';

export interface CollectionSettings<Dynamic extends boolean = boolean> {
  /** Rows may have keys of their own, beside the fields. */
  readonly dynamic?: Dynamic;
  readonly description?: string;
  readonly shards?: number;
  /** With a partition key: over how many partitions rows are spread. */
  readonly partitions?: number;
  /** Properties of the collection, `{ 'collection.ttl.seconds': '3600' }`. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Every write and read is of one namespace: the rows of a tenant. */
  readonly namespaces?: NamespaceMode | undefined;
}

/** What is declared, with namespaces or without. */
export interface AnyDeclaration<F extends Fields = Fields, Dynamic extends boolean = boolean> {
  readonly name: string;
  readonly fields: F;
  readonly settings: CollectionSettings<Dynamic>;
  /** Name of the primary key. */
  readonly key: string;
}

/** The third type says whether it has namespaces, and with it what a client lets do with it. */
export interface Declaration<
  F extends Fields = Fields,
  Dynamic extends boolean = boolean,
  Mode extends NamespaceMode | undefined = undefined,
> extends AnyDeclaration<F, Dynamic> {
  readonly namespaces: Mode;
  readonly settings: SettingsOf<Dynamic, Mode>;
}

/** Settings that say whether there are namespaces, so that another declaration can be made of them. */
type SettingsOf<
  Dynamic extends boolean,
  Mode extends NamespaceMode | undefined,
> = CollectionSettings<Dynamic> & {
  readonly namespaces?: Mode;
};

/**
 * Declares a collection.
 * @throws ClientError when there is not exactly one primary key
 */
export function collection<
  const F extends Fields,
  const Dynamic extends boolean = false,
  const Mode extends NamespaceMode | undefined = undefined,
>(name: string, fields: F, settings: SettingsOf<Dynamic, Mode> = {}): Declaration<F, Dynamic, Mode> {
  const keys = Object.entries(fields).filter(([, { spec }]) => spec.isPrimaryKey === true);
  const [key] = keys;
  if (key === undefined || keys.length > 1)
    throw ClientError.ofInput(
      `collection ${name}: ${keys.length} fields are primary keys, expected one; write int64().primaryKey() or varchar(64).primaryKey()`,
    );
  checkWords(name, fields);
  return { name, fields, settings, key: key[0], namespaces: checkedMode(name, settings.namespaces) as Mode };
}

/** @throws ClientError for words of what is no text with an analyzer */
function checkWords(name: string, fields: Fields): void {
  for (const [field, { spec }] of Object.entries(fields)) {
    if (spec.wordsOf === undefined) continue;
    const source = Object.hasOwn(fields, spec.wordsOf) ? fields[spec.wordsOf]?.spec : undefined;
    if (source?.params.enable_analyzer !== 'true')
      throw ClientError.ofInput(
        `collection ${name}: "${field}" is of the words of "${spec.wordsOf}", expected a text field with an analyzer; write ${spec.wordsOf}: varchar(1000).analyzer()`,
      );
  }
}

/** Programs without types may say anything. @throws ClientError */
function checkedMode(name: string, mode: NamespaceMode | undefined): NamespaceMode | undefined {
  if (mode === undefined || mode === 'partition_key' || mode === 'partition') return mode;
  throw ClientError.ofInput(
    `collection ${name}: namespaces is ${JSON.stringify(mode)}, expected 'partition_key' or 'partition'`,
  );
}

export const specOf = (declaration: AnyDeclaration, name: string): FieldSpec | undefined =>
  Object.hasOwn(declaration.fields, name) ? declaration.fields[name]?.spec : undefined;
