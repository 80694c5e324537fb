// Hybrid timestamps. An int64 of the wire is a bigint here.

/** Hybrid time, uint64: milliseconds since the epoch in the high 46 bits, a counter in the low 18. */
export type Timestamp = bigint;
const LOGICAL_BITS = 18n;
export const LOGICAL_MAX = (1n << LOGICAL_BITS) - 1n;
export const composeTimestamp = (physicalMs: number, logical: number): Timestamp =>
  (BigInt(physicalMs) << LOGICAL_BITS) | BigInt(logical);
export const physicalMs = (ts: Timestamp): number => Number(ts >> LOGICAL_BITS);
