// What all changes of definitions share: the lock of a name, and clearing what a dropped thing left with the peers.
import { assert } from '#base/assert.js';
import { KeyedMutex } from '#base/async.js';
import { catalogBackOff, longerPause } from '#base/back-off.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { redeciding } from '#catalog/held-records.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext } from '#platform/transport.js';
import type { CollectionRecord } from '#proto/elanus/data.js';
import type { CollectionRef } from '#proto/elanus/roles.js';
import type { FileResources } from '#roles/root-coord/words/file-resources.js';
import type { DataCoordBroker } from './data-coord-broker.js';
import { DEFAULT_DATABASE, type DefinitionCatalog } from './definition-catalog.js';
import type { RootCoordPeers } from './root-coord-peers.js';

/** One try to clear what a dropped thing left with its peers. */
const CLEAR_MS_MAX = 10_000;

export const DEFAULT_PARTITION = '_default';

export interface DdlParts {
  readonly platform: Platform;
  readonly catalog: DefinitionCatalog;
  readonly broker: DataCoordBroker;
  readonly peers: RootCoordPeers;
  /** Files of words that analyzers name. */
  readonly fileResources: FileResources;
  readonly physicalChannelCount: number;
  readonly allocateTimestamp: () => Promise<bigint>;
  readonly allocateId: () => Promise<bigint>;
  /** Ends what goes on in the background. */
  readonly signal: AbortSignal;
}

export interface NamedCollection {
  readonly database: string;
  readonly name: string;
  /** Not 0: the collection is meant by it, whatever its name. */
  readonly id?: bigint;
}

/** How often a name is looked up again because it moved while its lock was waited for. */
const LOCK_ATTEMPTS_MAX = 100;

/** Locks of names. A database's is taken inside that of one of its collections, never around it. */
export class DdlLocks {
  readonly #catalog: DefinitionCatalog;
  readonly #locks = new KeyedMutex();

  constructor(catalog: DefinitionCatalog) {
    this.#catalog = catalog;
  }

  /** Runs a decision about the collection that a client names, again when what it rests on was changed meanwhile. */
  collection<T>(ref: NamedCollection, decide: () => Promise<T>): Promise<T> {
    return this.collections([ref], decide);
  }

  /** As for one collection, with the locks of all of them. They are taken in one order everywhere, so nobody waits in a circle. */
  async collections<T>(refs: readonly NamedCollection[], decide: () => Promise<T>): Promise<T> {
    for (let attempt = 1; attempt <= LOCK_ATTEMPTS_MAX; attempt++) {
      const keys = this.#keysOf(refs);
      // A name may have come to mean another collection while the lock was waited for.
      const task = async () =>
        this.#keysOf(refs).join() === keys.join() ? { decided: await redeciding(decide) } : undefined;
      const held = keys.reduceRight<() => ReturnType<typeof task>>(
        (inner, key) => () => this.#locks.run(key, inner),
        task,
      );
      const outcome = await held();
      if (outcome !== undefined) return outcome.decided;
    }
    throw new ElanusError(
      'service_unavailable',
      `the names ${refs.map(({ name }) => name).join(', ')} were given to other collections again and again; try again`,
    );
  }

  #keysOf(refs: readonly NamedCollection[]): string[] {
    return [...new Set(refs.map((ref) => this.#keyOf(ref)))].sort();
  }

  /** The key is that of the collection which the name means now, or of the name when it means none. */
  #keyOf({ database, name, id = 0n }: NamedCollection): string {
    const named = database === '' ? DEFAULT_DATABASE : database;
    const record = id !== 0n ? this.#catalog.byId(id) : this.#catalog.named(named, name);
    if (record !== undefined) return collectionKey(record.database, nameOf(record));
    return id !== 0n ? `id\0${id}` : collectionKey(named, name);
  }

  database<T>(name: string, task: () => Promise<T>): Promise<T> {
    return this.#locks.run(`database\0${name}`, task);
  }
}

const collectionKey = (database: string, name: string): string => `${database}\0${name}`;
export const nameOf = (record: CollectionRecord): string => record.schema?.name ?? '';

export const present = (ref: CollectionRef | undefined): CollectionRef => {
  assert(ref !== undefined, 'request without a collection');
  return ref;
};

/**
 * Removes what a dropped thing has with the peers: it is gone for everyone already. A first try is awaited; more follow in the background,
 * and after a restart.
 */
export async function clearing(
  parts: Pick<DdlParts, 'platform' | 'signal'>,
  what: Readonly<Record<string, bigint>>,
  clear: (context: CallContext) => Promise<void>,
  pauseMs = catalogBackOff.minMs,
): Promise<void> {
  const { platform, signal } = parts;
  try {
    await clear({ signal, deadlineMs: platform.clock.now() + CLEAR_MS_MAX, metadata: {} });
  } catch (error) {
    if (signal.aborted) return;
    platform.logger.warn('drop_waits', { ...what, reason: messageOf(error), retryMs: pauseMs });
    const again = (): Promise<void> => clearing(parts, what, clear, longerPause(pauseMs, catalogBackOff));
    void platform.timers.sleep(pauseMs, signal).then(again, () => {});
  }
}
