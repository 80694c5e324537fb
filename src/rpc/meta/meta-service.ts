// A meta store served to other processes of the machine: reads and transactions as they are, changes as a list that readers take up where
// they left it. What was before the list begins, or in another life of the server, is missed: the reader compares with what is there.

import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import type { MetaEvent, MetaOperation, MetaStore } from '#platform/meta-store.js';
import type { Timers } from '#platform/time.js';
import type { MetaDefinition, MetaOperationRecord } from '#proto/elanus/roles.js';
import type { Handlers } from '#rpc/service.js';

/** Changes that are kept for readers; one that comes later than that compares. */
const EVENTS_MAX = 4096;
/** A reader without news is answered after this long, and asks again, in ms. */
const WAIT_MS = 10_000;

export class MetaService {
  readonly #store: MetaStore;
  readonly #timers: Timers;
  /** This life of the server: a number that no other has. */
  readonly #life: bigint;
  #events: MetaEvent[] = [];
  /** Number of the first event that is kept. */
  #first = 0n;
  readonly #waiting = new Set<() => void>();
  readonly #watch: { cancel(): void };

  constructor(store: MetaStore, timers: Timers, life: bigint) {
    this.#store = store;
    this.#timers = timers;
    this.#life = life;
    this.#watch = store.watch('', (event) => this.#add(event));
  }

  close(): void {
    this.#watch.cancel();
    for (const wake of [...this.#waiting]) wake();
  }

  readonly handlers: Handlers<typeof MetaDefinition> = {
    get: async ({ key }) => {
      const entry = await this.#store.get(key);
      return { entries: entry === undefined ? [] : [entry] };
    },
    range: async ({ key }) => ({ entries: [...(await this.#store.range(key))] }),
    transact: async ({ compares, operations }) => {
      const revision = await this.#store.transact(
        compares.map(({ key, modRevision, value }) =>
          value === undefined ? { key, modRevision } : { key, value },
        ),
        operations.map(operationOf),
      );
      return { isDone: revision !== undefined, revision: revision ?? 0n };
    },
    changes: async ({ prefix, life, next }, { signal }) => {
      const isMissed = life !== this.#life || next < this.#first;
      if (!isMissed && this.#after(prefix, next).length === 0) await this.#news(prefix, signal);
      return {
        life: this.#life,
        next: this.#first + BigInt(this.#events.length),
        isMissed,
        events: isMissed ? [] : this.#after(prefix, next),
      };
    },
  };

  #add(event: MetaEvent): void {
    this.#events.push(event);
    if (this.#events.length > EVENTS_MAX) {
      const gone = this.#events.length - EVENTS_MAX / 2;
      this.#events = this.#events.slice(gone);
      this.#first += BigInt(gone);
    }
    for (const wake of [...this.#waiting]) wake();
  }

  #after(prefix: string, next: bigint) {
    return this.#events
      .slice(Math.max(0, Number(next - this.#first)))
      .filter(({ key }) => key.startsWith(prefix))
      .map(({ kind, key, value, revision }) => ({ isPut: kind === 'put', key, value, revision }));
  }

  /** Until something below the prefix may have changed, or the wait is over. */
  #news(prefix: string, signal: AbortSignal): Promise<void> {
    const begin = this.#first + BigInt(this.#events.length);
    return new Promise((resolve) => {
      const end = (): void => {
        this.#waiting.delete(wake);
        timer.cancel();
        forget();
        resolve();
      };
      const wake = (): void => {
        if (this.#after(prefix, begin).length > 0) end();
      };
      const timer = this.#timers.after(WAIT_MS, end);
      this.#waiting.add(wake);
      const forget = onAbort(signal, end);
    });
  }
}

function operationOf({ kind, key, value }: MetaOperationRecord): MetaOperation {
  switch (kind) {
    case 'put':
      return { kind, key, value };
    case 'delete':
      return { kind, key };
    case 'deleteRange':
      return { kind, prefix: key };
    default:
      throw new ElanusError('invalid_parameter', `operation "${kind}" is none of put, delete, deleteRange`);
  }
}
