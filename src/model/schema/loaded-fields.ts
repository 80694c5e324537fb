// A schema as reads of a collection see it of which some fields are not loaded. A name that would be a dynamic key, or unknown, without its
// field is refused: what is not loaded must never look like something that is not there.
import { ElanusError } from '#base/errors.js';
import { CollectionSchema, type FieldSchema } from '#proto/milvus/schema.js';
import { META_FIELD_NAME } from './schema-view.js';

/** Names of fields that a schema lacks because they are not loaded. */
const notLoaded = new WeakMap<CollectionSchema, ReadonlySet<string>>();
/** Fields that it lacks. */
const leftOutOf = new WeakMap<CollectionSchema, readonly FieldSchema[]>();
const reduced = new WeakMap<CollectionSchema, Map<string, CollectionSchema>>();

/** The schema without these fields, the same object for the same fields; the schema itself where there are none. */
export function loadedSchema(schema: CollectionSchema, leftOut: readonly bigint[]): CollectionSchema {
  if (leftOut.length === 0) return schema;
  const key = leftOut.join();
  const kept = reduced.get(schema) ?? new Map<string, CollectionSchema>();
  reduced.set(schema, kept);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const gone = new Set(leftOut);
  const isLoaded = ({ fieldID }: { readonly fieldID: bigint }): boolean => !gone.has(fieldID);
  const structs = schema.structArrayFields.map((struct) => ({
    struct,
    left: struct.fields.filter(isLoaded),
  }));
  const made = CollectionSchema.create({
    ...schema,
    fields: schema.fields.filter(isLoaded),
    structArrayFields: structs.flatMap(({ struct, left }) =>
      left.length === 0 ? [] : [{ ...struct, fields: left }],
    ),
  });
  const lacked = schema.fields.filter((field) => !isLoaded(field));
  leftOutOf.set(made, lacked);
  const names = lacked.map(({ name }) => name);
  const goneStructs = structs.flatMap(({ struct, left }) => (left.length === 0 ? [struct.name] : []));
  notLoaded.set(made, new Set([...names, ...goneStructs]));
  kept.set(key, made);
  return made;
}

/** Fields that a schema lacks, where it was made by `loadedSchema` in this process. */
export const fieldsLeftOut = (schema: CollectionSchema): readonly FieldSchema[] =>
  leftOutOf.get(schema) ?? [];

/** @throws invalid_parameter when the schema lacks the name, or every dynamic key, because it is not loaded */
export function refuseNotLoaded(schema: CollectionSchema, name: string): void {
  const names = notLoaded.get(schema);
  if (names === undefined) return;
  const shown = names.has(name)
    ? name
    : names.has(META_FIELD_NAME)
      ? `${META_FIELD_NAME} (${name})`
      : undefined;
  if (shown === undefined) return;
  throw new ElanusError(
    'invalid_parameter',
    `field ${shown.slice(0, 220)} is not loaded; release the collection and load it with this field: invalid parameter`,
  );
}
