// The meta store of another process of the machine, behind the same interface. A transaction whose answer was lost may have been carried out:
// callers find out by reading, as with any store (catalog/held-records.ts).

import { catalogBackOff, longerPause } from '#base/back-off.js';
import { ElanusError, toElanusError } from '#base/errors.js';
import { checkTransaction } from '#platform/meta-check.js';
import type { MetaCompare, MetaEntry, MetaEvent, MetaOperation, MetaStore } from '#platform/meta-store.js';
import type { CallContext } from '#platform/transport.js';
import { type MetaChangesResponse, MetaDefinition } from '#proto/elanus/roles.js';
import { RemoteRole, type RolePlatform } from '#rpc/remote-role.js';
import type { Client } from '#rpc/service.js';

/** The name by which the server of the store is asked for in a handshake. */
export const META_ROLE = 'meta';
/** One call, waiting for the server included, in ms. */
const CALL_MS = 10_000;
/** The server answers a reader without news before this, in ms. */
const CHANGES_MS = 20_000;

export class RemoteMetaStore implements MetaStore {
  readonly #platform: RolePlatform;
  readonly #remote: RemoteRole;
  readonly #client: Client<typeof MetaDefinition>;
  readonly #closed = new AbortController();

  constructor(platform: RolePlatform, address: string, clusterId: string) {
    this.#platform = platform;
    this.#remote = new RemoteRole(platform, META_ROLE, address, clusterId);
    this.#client = this.#remote.client(MetaDefinition);
  }

  close(): void {
    this.#closed.abort();
    this.#remote.close();
  }

  /** Whether the server answered its last call; else calls wait for it. */
  get isAnswering(): boolean {
    return this.#remote.state.kind === 'ready';
  }

  async get(key: string): Promise<MetaEntry | undefined> {
    const { entries } = await this.#call('get', (context) => this.#client.get({ key }, context));
    return entries.map(owned)[0];
  }

  async range(prefix: string): Promise<readonly MetaEntry[]> {
    const { entries } = await this.#call('range', (context) => this.#client.range({ key: prefix }, context));
    return entries.map(owned);
  }

  async transact(
    compares: readonly MetaCompare[],
    operations: readonly MetaOperation[],
  ): Promise<bigint | undefined> {
    checkTransaction(compares, operations);
    const request = {
      compares: compares.map((compare) => ({ modRevision: 0n, value: undefined, ...compare })),
      operations: operations.map((operation) => ({
        kind: operation.kind,
        key: operation.kind === 'deleteRange' ? operation.prefix : operation.key,
        value: operation.kind === 'put' ? operation.value : new Uint8Array(0),
      })),
    };
    const { isDone, revision } = await this.#call('transact', (context) =>
      this.#client.transact(request, context),
    );
    return isDone ? revision : undefined;
  }

  watch(prefix: string, onEvent: (event: MetaEvent) => void): { cancel(): void } {
    const watcher = new RemoteWatch(prefix, onEvent);
    void this.#follow(watcher);
    return { cancel: () => watcher.cancel() };
  }

  async #follow(watcher: RemoteWatch): Promise<void> {
    for (let pauseMs = catalogBackOff.minMs; !watcher.isCancelled && !this.#closed.signal.aborted; ) {
      try {
        const answer = await this.#call(
          'changes',
          (context) => this.#client.changes(watcher.request, context),
          CHANGES_MS,
        );
        if (answer.isMissed) watcher.compare(answer, await this.range(watcher.prefix));
        else watcher.take(answer);
        pauseMs = catalogBackOff.minMs;
      } catch {
        await this.#platform.timers.sleep(pauseMs, this.#closed.signal).catch(() => {});
        pauseMs = longerPause(pauseMs, catalogBackOff);
      }
    }
  }

  async #call<T>(name: string, run: (context: CallContext) => Promise<T>, withinMs = CALL_MS): Promise<T> {
    const deadlineMs = this.#platform.clock.now() + withinMs;
    try {
      return await run({ signal: this.#closed.signal, deadlineMs, metadata: {} });
    } catch (error) {
      const { key, message } = toElanusError(error, `Meta.${name}`);
      if (key === 'invalid_parameter') throw error;
      throw new ElanusError(
        'io_failed',
        `metadata ${name} at ${this.#remote.address}: ${message}: check that the process with the data folder runs`,
        { cause: error },
      );
    }
  }
}

/** Values are views of the message that they came in. */
const owned = ({ key, value, modRevision }: MetaEntry): MetaEntry => ({
  ...{ key, modRevision },
  value: new Uint8Array(value),
});

/** What one watcher knows, so that it can be brought up to date after anything that it missed. */
class RemoteWatch {
  readonly prefix: string;
  readonly #onEvent: (event: MetaEvent) => void;
  #life = 0n;
  #next = 0n;
  /** Revisions by key; undefined until the watch has begun. */
  #known: Map<string, bigint> | undefined;
  /** What a comparison has shown: its event may come as well. */
  #shown: ReadonlyMap<string, bigint> = new Map();
  isCancelled = false;

  constructor(prefix: string, onEvent: (event: MetaEvent) => void) {
    this.prefix = prefix;
    this.#onEvent = onEvent;
  }

  get request() {
    return { prefix: this.prefix, life: this.#life, next: this.#next };
  }

  cancel(): void {
    this.isCancelled = true;
  }

  take({ next, events }: MetaChangesResponse): void {
    this.#next = next;
    for (const { isPut, key, value, revision } of events) {
      if ((this.#shown.get(key) ?? 0n) >= revision) continue;
      if (isPut) this.#known?.set(key, revision);
      else this.#known?.delete(key);
      this.#emit(
        isPut
          ? { kind: 'put', key, value: new Uint8Array(value), revision }
          : { kind: 'delete', key, revision },
      );
    }
  }

  /** After what was missed: what is there against what was known. The first time it only begins. */
  compare({ life, next }: MetaChangesResponse, entries: readonly MetaEntry[]): void {
    this.#life = life;
    this.#next = next;
    const before = this.#known;
    this.#known = new Map(entries.map(({ key, modRevision }) => [key, modRevision]));
    // What came between the place and the read is among the events that follow.
    if (before === undefined) return;
    this.#shown = new Map(this.#known);
    for (const { key, value, modRevision: revision } of entries)
      if (before.get(key) !== revision) this.#emit({ kind: 'put', key, value, revision });
    for (const [key, revision] of before)
      if (!this.#known.has(key)) this.#emit({ kind: 'delete', key, revision });
  }

  #emit(event: MetaEvent): void {
    if (!this.isCancelled) this.#onEvent(event);
  }
}
