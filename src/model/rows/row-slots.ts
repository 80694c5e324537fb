// What takes the values of a schema's rows, whatever form the rows come in: a slot for each field, struct arrays in place of their columns,
// and the dynamic field.
import { dynamicField } from '#model/schema/schema-view.js';
import { ownFields, ownNames, structArrays } from '#model/schema/struct-arrays.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import { MetaSlot } from './json-meta.js';
import { type FieldSlot, refuse } from './json-slot.js';
import { slotOf } from './json-slots.js';
import { type NamedSlot, namedSlot, StructSlot } from './json-struct.js';

export interface RowSlots {
  /** In the order of the schema, without an autoID key and without what functions make. */
  readonly slots: readonly FieldSlot[];
  /** What rows name: fields, and struct arrays in place of their columns. */
  readonly named: readonly NamedSlot[];
  readonly meta: MetaSlot | undefined;
  readonly autoKeyName: string | undefined;
}

/**
 * @param zone of times that are written without an offset
 * @throws unsupported for a field of a type that rows cannot fill
 */
export function rowSlots(schema: CollectionSchema, zone: string): RowSlots {
  const dynamic = dynamicField(schema);
  const meta = dynamic && new MetaSlot(dynamic, new Set(ownNames(schema)));
  const given = schema.fields.filter(
    (field) => !(field.isPrimaryKey && field.autoID) && !field.isFunctionOutput,
  );
  const slots = given.map((field) => (field === dynamic && meta ? meta : slotOf(field, zone)));
  const byId = new Map(slots.map((slot) => [slot.field.fieldID, slot]));
  const structs = structArrays(schema).map(
    ({ struct, columns }) =>
      new StructSlot(
        struct,
        columns.flatMap((field) => byId.get(field.fieldID) ?? []),
      ),
  );
  const own = ownFields(schema).flatMap((field) => byId.get(field.fieldID) ?? []);
  return {
    slots,
    named: [...own.map(namedSlot), ...structs],
    meta,
    autoKeyName: schema.fields.find((field) => field.isPrimaryKey && field.autoID)?.name,
  };
}

export const refuseAutoKey = (name: string): never =>
  refuse(name, 'is given, but the collection makes its keys itself (autoID); leave the key out');

export function refuseUnknown(name: string, schema: CollectionSchema): never {
  if (schema.fields.some((field) => field.isFunctionOutput && field.name === name))
    refuse(name, 'is given, but a function of the collection makes it; leave it out');
  return refuse(
    name,
    `is not in the schema of collection ${schema.name}, expected its fields only; leave it out, or enable dynamic fields`,
  );
}
