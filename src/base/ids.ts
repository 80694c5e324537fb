// Identifiers and hybrid timestamps. An int64 of the wire is a bigint here; brands keep two ids from being swapped.
declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type DatabaseId = Brand<bigint, 'DatabaseId'>;
export type CollectionId = Brand<bigint, 'CollectionId'>;
export type PartitionId = Brand<bigint, 'PartitionId'>;
export type SegmentId = Brand<bigint, 'SegmentId'>;
export type IndexId = Brand<bigint, 'IndexId'>;

/** Hybrid time, uint64: milliseconds since the epoch in the high 46 bits, a counter in the low 18. */
export type Timestamp = bigint;
export const LOGICAL_BITS = 18n;
export const LOGICAL_MAX = (1n << LOGICAL_BITS) - 1n;
export const composeTimestamp = (physicalMs: number, logical: number): Timestamp =>
  (BigInt(physicalMs) << LOGICAL_BITS) | BigInt(logical);
export const physicalMs = (ts: Timestamp): number => Number(ts >> LOGICAL_BITS);

/** The id of a segment whose rows live in no one partition (delete-only, level 0), and "all partitions" in requests. */
export const ALL_PARTITIONS = -1n;
