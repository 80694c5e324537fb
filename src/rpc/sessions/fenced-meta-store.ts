// The meta store as a leader changes it: every transaction names the record by which it leads, so that one that was replaced changes nothing
// any more, whatever it still believes.
import { ElanusError } from '#base/errors.js';
import type { MetaCompare, MetaOperation, MetaStore } from '#platform/meta-store.js';

export interface Fence {
  readonly role: string;
  /** The leader's record as this process wrote it. */
  readonly guard: { readonly key: string; readonly modRevision: bigint };
  readonly onFenced: () => void;
}

export const fencedMetaStore = (store: MetaStore, { role, guard, onFenced }: Fence): MetaStore => ({
  get: (key) => store.get(key),
  range: (prefix) => store.range(prefix),
  watch: (prefix, onEvent) => store.watch(prefix, onEvent),
  async transact(compares: readonly MetaCompare[], operations: readonly MetaOperation[]) {
    const revision = await store.transact([...compares, guard], operations);
    if (revision !== undefined) return revision;
    // One of the compares, or the fence? A record that was changed meanwhile is decided again; a place that is taken is not.
    const leads = (await store.get(guard.key))?.modRevision === guard.modRevision;
    if (leads) return undefined;
    onFenced();
    throw new ElanusError(
      'service_not_ready',
      `${role}: another process has taken over, and this one changes nothing any more; ask again, the other answers`,
    );
  },
});
