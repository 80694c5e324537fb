// Hybrid timestamps, and what ids mean by themselves. An int64 of the wire is a bigint here. Ids that travel together are named members of
// one object, so that no two can be swapped by their order (ADR 0023).

/** Hybrid time, uint64: milliseconds since the epoch in the high 46 bits, a counter in the low 18. */
export type Timestamp = bigint;
const LOGICAL_BITS = 18n;
export const LOGICAL_MAX = (1n << LOGICAL_BITS) - 1n;
export const composeTimestamp = (physicalMs: number, logical: number): Timestamp =>
  (BigInt(physicalMs) << LOGICAL_BITS) | BigInt(logical);
export const physicalMs = (ts: Timestamp): number => Number(ts >> LOGICAL_BITS);

/** The partition of a segment whose rows are in no one partition (delete-only, level 0), and "all partitions" in requests. */
export const ALL_PARTITIONS = -1n;
