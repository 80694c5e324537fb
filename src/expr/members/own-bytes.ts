// Bytes of a request that a filter keeps.

/** Larger ones lie in memory that threads share, so that handing them over copies nothing. */
const SHARED_BYTES_MIN = 64 * 1024;

/** A copy, at the beginning of a buffer of its own: those of the request are another's when it is answered. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  const own = new Uint8Array(
    bytes.length < SHARED_BYTES_MIN ? new ArrayBuffer(bytes.length) : new SharedArrayBuffer(bytes.length),
  );
  own.set(bytes);
  return own;
}
