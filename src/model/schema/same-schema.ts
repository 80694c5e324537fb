// Whether two schemas are the same wish: creating a collection again is no error then.
import { CollectionSchema, FieldSchema } from '#proto/milvus/schema.js';
import { publicTypeParams } from './schema-view.js';

/** Whether creating `b` where `a` exists is the same request again. Ids and the database play no part, the order of pairs neither. */
export function sameSchema(a: CollectionSchema, b: CollectionSchema): boolean {
  const left = canonical(a);
  const right = canonical(b);
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

function canonical(schema: CollectionSchema): Uint8Array {
  const sorted = (pairs: readonly { key: string; value: string }[]) =>
    [...pairs].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const fields = schema.fields.map((field) =>
    FieldSchema.create({
      ...field,
      fieldID: 0n,
      state: 0,
      typeParams: sorted(publicTypeParams(field)),
      indexParams: sorted(field.indexParams),
    }),
  );
  const { name, description, enableDynamicField, enableNamespace } = schema;
  // What their sub-fields are is in the fields already.
  const structArrayFields = schema.structArrayFields.map((struct) => ({
    ...struct,
    fieldID: 0n,
    fields: [],
    typeParams: sorted(struct.typeParams),
  }));
  const functions = schema.functions.map((one) => ({
    ...one,
    id: 0n,
    inputFieldIds: [],
    outputFieldIds: [],
  }));
  return CollectionSchema.encode(
    CollectionSchema.create({
      name,
      description,
      enableDynamicField,
      enableNamespace,
      fields,
      structArrayFields,
      functions,
    }),
  ).finish();
}
