// Watchers of a store whose changes all happen in this process: each event reaches, in revision order, whoever watched before it.
import type { MetaEvent } from './meta-store.js';

export class MetaWatchers {
  readonly #watchers = new Set<{ readonly prefix: string; readonly onEvent: (event: MetaEvent) => void }>();

  watch(prefix: string, onEvent: (event: MetaEvent) => void): { cancel(): void } {
    const watcher = { prefix, onEvent };
    this.#watchers.add(watcher);
    return { cancel: () => void this.#watchers.delete(watcher) };
  }

  emit(events: readonly MetaEvent[]): void {
    for (const event of events) {
      for (const watcher of [...this.#watchers]) {
        if (this.#watchers.has(watcher) && event.key.startsWith(watcher.prefix)) watcher.onEvent(event);
      }
    }
  }
}
