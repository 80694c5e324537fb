// Collections of one make, of which a database may have ten thousand, differ in their name alone. Schemas that are kept as long as the
// collection is have all the rest in common: some 70 arrays and 50 strings each, and each role keeps one.
import { CollectionSchema } from '#proto/milvus/schema.js';

/** Makes that are known at once. With more of them the first are forgotten, and later collections of these have the next in common. */
const MAKES_MAX = 256;
/** Longer ones, with long lists of words, are compared at a cost and seldom alike, in bytes. */
const MAKE_BYTES_MAX = 16_384;

/** By the bytes of a schema without its names. */
const makes = new Map<string, CollectionSchema>();

/** The same schema, whose parts may be those of others and are frozen. One that was shared already stays as it is. */
export function sharedSchema(schema: CollectionSchema): CollectionSchema {
  if (Object.isFrozen(schema.fields)) return schema;
  const bytes = CollectionSchema.encode({ ...schema, name: '', dbName: '' }).finish();
  if (bytes.length > MAKE_BYTES_MAX) return schema;
  let key = '';
  for (const byte of bytes) key += String.fromCharCode(byte);
  const known = makes.get(key);
  if (known !== undefined) return { ...known, name: schema.name, dbName: schema.dbName };
  for (const part of Object.values(schema)) freeze(part);
  if (makes.size >= MAKES_MAX) for (const [first] of [...makes].slice(0, 1)) makes.delete(first);
  makes.set(key, { ...schema });
  return schema;
}

/** What was shared is nobody's to change. Bytes cannot be frozen. */
function freeze(part: unknown): void {
  if (typeof part !== 'object' || part === null || part instanceof Uint8Array || Object.isFrozen(part))
    return;
  Object.freeze(part);
  for (const inner of Object.values(part)) freeze(inner);
}
