// Rules every MetaStore shares: the size of a transaction (etcd's limit), and one operation per key (etcd refuses duplicates).
import { ElanusError } from '#base/errors.js';
import type { MetaCompare, MetaEntry, MetaOperation } from './meta-store.js';

const metaOperationsMax = 128;
/** One compare less: that by which a leader shows that it leads. */
export const metaChangesMax = metaOperationsMax - 1;

export function checkTransaction(
  compares: readonly MetaCompare[],
  operations: readonly MetaOperation[],
): void {
  if (operations.length > metaOperationsMax || compares.length > metaOperationsMax) {
    throw new ElanusError(
      'invalid_parameter',
      `transaction has ${compares.length} compares and ${operations.length} operations, expected at most ${metaOperationsMax} of each: split it`,
    );
  }
  const keys = new Set<string>();
  for (const operation of operations) {
    if (operation.kind === 'deleteRange') continue;
    if (keys.has(operation.key)) {
      throw new ElanusError(
        'invalid_parameter',
        `transaction changes key ${JSON.stringify(operation.key)} twice, expected once: keep the last change`,
      );
    }
    keys.add(operation.key);
  }
}

export function compareHolds(compare: MetaCompare, entry: MetaEntry | undefined): boolean {
  if ('modRevision' in compare) return (entry?.modRevision ?? 0n) === compare.modRevision;
  if (entry === undefined || entry.value.length !== compare.value.length) return false;
  return entry.value.every((byte, i) => byte === compare.value[i]);
}

/** Order of UTF-16 code units. */
export const byKey = (a: { readonly key: string }, b: { readonly key: string }): number =>
  a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
