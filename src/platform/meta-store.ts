// A small ordered key-value store with transactions: lmdb in one process, etcd in a cluster, a map in simulation.
export interface MetaEntry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the transaction that last wrote the key; rises with every transaction. */
  readonly modRevision: bigint;
}

export type MetaCompare =
  | { readonly key: string; readonly modRevision: bigint } // 0n: the key must be absent
  | { readonly key: string; readonly value: Uint8Array };
export type MetaOperation =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'deleteRange'; readonly prefix: string };
export interface MetaEvent {
  readonly kind: 'put' | 'delete';
  readonly key: string;
  readonly value?: Uint8Array;
  readonly revision: bigint;
}

export interface MetaStore {
  get(key: string): Promise<MetaEntry | undefined>;
  /** Entries whose key starts with `prefix`, in key order (code units). */
  range(prefix: string): Promise<readonly MetaEntry[]>;
  /**
   * All operations at once when every compare holds; resolves when durable.
   * @returns the transaction's revision, which every key it put carries from then on; undefined when a compare did not hold and nothing
   *   changed. At most 128 operations and compares; a larger one throws invalid_parameter.
   */
  transact(
    compares: readonly MetaCompare[],
    operations: readonly MetaOperation[],
  ): Promise<bigint | undefined>;
  /** Calls `onEvent` for each change of a key below `prefix` after the call, in revision order, until cancelled. */
  watch(prefix: string, onEvent: (event: MetaEvent) => void): { cancel(): void };
}
