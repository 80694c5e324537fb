// MetaStore as a map. Every transaction is one synchronous step; watchers hear of it in a later turn, as they would from a server.
import { byKey, checkTransaction, compareHolds } from '#platform/meta-check.js';
import type { MetaCompare, MetaEntry, MetaEvent, MetaOperation, MetaStore } from '#platform/meta-store.js';
import { MetaWatchers } from '#platform/meta-watchers.js';

export class MemoryMetaStore implements MetaStore {
  readonly #entries = new Map<string, MetaEntry>();
  readonly #watchers = new MetaWatchers();
  #revision = 0n;

  async get(key: string): Promise<MetaEntry | undefined> {
    const entry = this.#entries.get(key);
    return entry === undefined ? undefined : copy(entry);
  }

  async range(prefix: string): Promise<readonly MetaEntry[]> {
    return [...this.#entries.values()]
      .filter((entry) => entry.key.startsWith(prefix))
      .sort(byKey)
      .map(copy);
  }

  async transact(
    compares: readonly MetaCompare[],
    operations: readonly MetaOperation[],
  ): Promise<bigint | undefined> {
    checkTransaction(compares, operations);
    if (!compares.every((compare) => compareHolds(compare, this.#entries.get(compare.key)))) return undefined;
    const revision = ++this.#revision;
    const events: MetaEvent[] = [];
    const remove = (key: string): void => {
      if (this.#entries.delete(key)) events.push({ kind: 'delete', key, revision });
    };
    for (const operation of operations) {
      if (operation.kind === 'put') {
        const value = operation.value.slice();
        this.#entries.set(operation.key, { key: operation.key, value, modRevision: revision });
        events.push({ kind: 'put', key: operation.key, value: value.slice(), revision });
      } else if (operation.kind === 'delete') remove(operation.key);
      else
        for (const key of [...this.#entries.keys()]
          .filter((name) => name.startsWith(operation.prefix))
          .sort())
          remove(key);
    }
    await Promise.resolve();
    this.#watchers.emit(events);
    return revision;
  }

  watch(prefix: string, onEvent: (event: MetaEvent) => void): { cancel(): void } {
    return this.#watchers.watch(prefix, onEvent);
  }
}

const copy = (entry: MetaEntry): MetaEntry => ({ ...entry, value: entry.value.slice() });
