// One kind of record in the meta store: protobuf values below a prefix, keyed by id or name. Used by every catalog.
import { ElanusError, messageOf } from '#base/errors.js';
import type { MetaEntry, MetaOperation, MetaStore } from '#platform/meta-store.js';

export interface RecordType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/**
 * Records as the life cycles of `model/states` have them: parsed when they are read, written in the form of the wire.
 * @param parse may throw unsupported and data_corrupt; a table adds the key
 */
export const parsedType = <R, T>(
  type: RecordType<R>,
  parse: (record: R) => T,
  recordOf: (value: T) => R,
): RecordType<T> => ({
  encode: (value) => type.encode(recordOf(value)),
  decode: (bytes) => parse(type.decode(bytes)),
});

export interface RecordEntry<T> {
  readonly record: T;
  readonly revision: bigint;
}

export interface RecordTable<T> {
  readonly prefix: string;
  /** @throws data_corrupt, unsupported (a state of a newer release), naming the key */
  get(key: string): Promise<T | undefined>;
  list(below?: string): Promise<readonly T[]>;
  /** As `get`, with the revision to name in a compare. */
  entry(key: string): Promise<RecordEntry<T> | undefined>;
  entries(): Promise<readonly RecordEntry<T>[]>;
  put(key: string, record: T): MetaOperation;
  remove(key: string): MetaOperation;
}

/** @param prefix ends with "/". */
export function recordTable<T>(store: MetaStore, prefix: string, type: RecordType<T>): RecordTable<T> {
  const decode = (entry: MetaEntry): T => {
    try {
      return type.decode(entry.value);
    } catch (cause) {
      // Whole, but of a form or a state that this release does not have.
      if (cause instanceof ElanusError)
        throw new ElanusError(cause.key, `meta store: ${entry.key}: ${cause.message}`, { cause });
      const fact = `meta store: ${entry.key} holds ${entry.value.length} bytes that are no record (${messageOf(cause)})`;
      throw new ElanusError('data_corrupt', `${fact}; restore the meta store from a copy`, { cause });
    }
  };
  return {
    prefix,
    async get(key) {
      const entry = await store.get(prefix + key);
      return entry === undefined ? undefined : decode(entry);
    },
    async list(below = '') {
      return (await store.range(prefix + below)).map(decode);
    },
    async entry(key) {
      const entry = await store.get(prefix + key);
      return entry === undefined ? undefined : { record: decode(entry), revision: entry.modRevision };
    },
    async entries() {
      return (await store.range(prefix)).map((entry) => ({
        record: decode(entry),
        revision: entry.modRevision,
      }));
    },
    put: (key, record) => ({ kind: 'put', key: prefix + key, value: type.encode(record).finish() }),
    remove: (key) => ({ kind: 'delete', key: prefix + key }),
  };
}

/** Ids as keys of fixed width, so that key order is id order. */
export const idKey = (id: bigint): string => BigInt.asUintN(64, id).toString(16).padStart(16, '0');
