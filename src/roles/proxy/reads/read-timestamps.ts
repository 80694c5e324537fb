// The times of a read: what it must have seen, and what it saw.

/**
 * 0, 1 and 2 stand for Strong, Eventually and Bounded. The shard's owner serves every acknowledged write, so none of them waits.
 * @param fromParams wins over the field of the request
 */
export function guaranteeTimestampOf(
  request: { readonly guaranteeTimestamp: bigint },
  fromParams: bigint | undefined,
): bigint {
  const given = fromParams ?? request.guaranteeTimestamp;
  return given <= 2n ? 0n : given;
}

/** What a client sends back to read at least as much again. */
export const newestRead = (answers: readonly { readonly readTimestamp: bigint }[]): bigint =>
  answers.reduce((newest, { readTimestamp }) => (readTimestamp > newest ? readTimestamp : newest), 0n);
