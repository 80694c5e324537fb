// What the catalog names in the object store, and what the name of an object says about who wrote it. Pure.

/** Objects below these are ours; everything else in the store is a user's. */
export const OBJECT_FOLDERS = ['insert_log/', 'delta_log/', 'manifest/', 'index_files/'] as const;

/** What names objects: a segment in any state, or its record. */
interface Naming {
  readonly files: readonly { readonly key: string }[];
  readonly indexes?: readonly { readonly key: string }[];
  readonly manifestKey: string;
}

export const keysOf = ({ files, indexes = [], manifestKey }: Naming): string[] => [
  ...files.map((file) => file.key),
  ...indexes.map((file) => file.key),
  ...(manifestKey === '' ? [] : [manifestKey]),
];

/** An object of one segment. */
export type ObjectName =
  | ({
      readonly kind: 'log' | 'manifest';
      readonly key: string;
      readonly collectionId: bigint;
      readonly partitionId: bigint;
    } & WrittenAs)
  | ({ readonly kind: 'index'; readonly key: string; readonly partitionId: bigint } & WrittenAs);
interface WrittenAs {
  readonly segmentId: bigint;
  /** Given to the write that made the object: a newer write has a larger one. A manifest has only its segment's. */
  readonly writeId: bigint;
}

/** Logs that earlier releases wrote have no suffix. */
const LOG =
  /^(?:insert_log\/(-?\d+)\/(-?\d+)\/(\d+)\/\d+|delta_log\/(-?\d+)\/(-?\d+)\/(\d+))\/(\d+)(?:\.parquet)?$/;
const MANIFEST = /^manifest\/(-?\d+)\/(-?\d+)\/(\d+)\.json$/;
const INDEX = /^index_files\/(\d+)\/\d+\/(-?\d+)\/(\d+)\/[^/]+$/;

/** @returns undefined for what is not named as we name objects: it is not ours to judge. */
export function parseObjectName(key: string): ObjectName | undefined {
  const id = (text: string | undefined): bigint => BigInt(text ?? 0);
  const log = LOG.exec(key);
  if (log !== null) {
    const [, insertCollection, insertPartition, insertSegment, collection, partition, segment, write] = log;
    return {
      kind: 'log',
      key,
      collectionId: id(insertCollection ?? collection),
      partitionId: id(insertPartition ?? partition),
      segmentId: id(insertSegment ?? segment),
      writeId: id(write),
    };
  }
  const manifest = MANIFEST.exec(key);
  if (manifest !== null) {
    const [, collection, partition, segment] = manifest;
    return {
      kind: 'manifest',
      key,
      collectionId: id(collection),
      partitionId: id(partition),
      segmentId: id(segment),
      writeId: id(segment),
    };
  }
  const index = INDEX.exec(key);
  if (index === null) return undefined;
  const [, build, partition, segment] = index;
  return { kind: 'index', key, partitionId: id(partition), segmentId: id(segment), writeId: id(build) };
}
