// The session of this process: a record that it writes again every third of its time to live. While nobody could have taken it for dead it is
// valid; when it could not write for two thirds of the time it is suspended and accepts nothing; when somebody removed it, it is lost for good.
import { Mutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { idKey, type RecordTable } from '#catalog/record-table.js';
import type { MetaCompare, MetaStore } from '#platform/meta-store.js';
import type { Platform } from '#platform/platform.js';
import type { SessionRecord } from '#proto/elanus/data.js';
import { HOLDER_SHARE } from './session-view.js';

/** Records of all sessions are below it, by server id. */
export const SESSION_PREFIX = 'session/';

export interface OwnSessionParts {
  readonly platform: Pick<Platform, 'clock' | 'logger'>;
  readonly store: MetaStore;
  readonly table: RecordTable<SessionRecord>;
  readonly serverId: bigint;
  readonly ttlMs: number;
  readonly onLost: (reason: string) => void;
}

export class OwnSession {
  readonly #parts: OwnSessionParts;
  readonly #writes = new Mutex();
  #record: SessionRecord | undefined;
  #revision = 0n;
  #validUntilMs = Number.NEGATIVE_INFINITY;
  #lost: string | undefined;

  constructor(parts: OwnSessionParts) {
    this.#parts = parts;
  }

  get isValid(): boolean {
    return this.#lost === undefined && this.#parts.platform.clock.monotonic() < this.#validUntilMs;
  }

  /** @throws session_suspended while it is not valid */
  check(what: string): void {
    if (this.isValid) return;
    const why = this.#lost ?? 'its session could not be renewed in time';
    throw new ElanusError(
      'session_suspended',
      `${what}: process ${this.#parts.serverId} accepts nothing: ${why}; ask again, another may answer`,
    );
  }

  /** The condition that this session is as it was written last: part of a transaction that only a living process may make. */
  get guard(): MetaCompare {
    return { key: this.#key, modRevision: this.#revision };
  }

  /** Runs the task while no write of this session is under way, so that `guard` holds for it. */
  whileWritten<T>(task: () => Promise<T>): Promise<T> {
    return this.#writes.run(task);
  }

  async register(address: string): Promise<void> {
    const { serverId, ttlMs } = this.#parts;
    this.#record = { serverId, address, beat: 0n, ttlMs: BigInt(ttlMs), serving: [] };
    await this.renew();
    if (this.#lost !== undefined) throw new ElanusError('service_not_ready', this.#lost);
  }

  /** From now on the role is found here. */
  serve(role: string, epoch: bigint): Promise<void> {
    if (this.#record === undefined) return Promise.resolve();
    const others = this.#record.serving.filter((served) => served.role !== role);
    this.#record = { ...this.#record, serving: [...others, { role, epoch }] };
    return this.renew();
  }

  /** Writes the record again. What fails is tried at the next turn; meanwhile the validity runs down. */
  renew(): Promise<void> {
    return this.#writes.run(async () => {
      if (this.#record === undefined || this.#lost !== undefined) return;
      const { platform, store, table, serverId } = this.#parts;
      const begunMs = platform.clock.monotonic();
      this.#record = { ...this.#record, beat: this.#record.beat + 1n };
      try {
        const operation = table.put(idKey(serverId), this.#record);
        const revision = await store.transact([this.guard], [operation]);
        if (revision === undefined) await this.#settle();
        else this.#written(revision, begunMs);
      } catch (error) {
        platform.logger.warn('session_not_renewed', { serverId, reason: messageOf(error) });
      }
    });
  }

  #written(revision: bigint, begunMs: number): void {
    this.#revision = revision;
    this.#validUntilMs = begunMs + this.#parts.ttlMs * HOLDER_SHARE;
  }

  /** The record is not as it was written: a write whose answer was lost, or somebody removed it. Only its holder ever writes it. */
  async #settle(): Promise<void> {
    const { table, serverId } = this.#parts;
    const entry = await table.entry(idKey(serverId));
    if (entry !== undefined) {
      // The time of that write is not known: the next one counts.
      this.#revision = entry.revision;
      return;
    }
    if (this.#revision === 0n) return;
    this.#lose(`its session was removed: another process took it for dead`);
  }

  #lose(reason: string): void {
    this.#lost = reason;
    this.#parts.platform.logger.error('session_lost', { serverId: this.#parts.serverId, reason });
    this.#parts.onLost(reason);
  }

  /** A leader that was replaced has nothing more to say. */
  fenced(what: string): void {
    if (this.#lost === undefined) this.#lose(`${what} was taken over by another process`);
  }

  /** A clean end: whoever waits for the place need not wait for the time to live. */
  async close(): Promise<void> {
    await this.#writes.run(async () => {
      const { store, table, serverId } = this.#parts;
      const wasLost = this.#lost !== undefined;
      this.#lost ??= 'it ends';
      if (this.#record === undefined || wasLost) return;
      await store.transact([this.guard], [table.remove(idKey(serverId))]).catch(() => {});
    });
  }

  get #key(): string {
    return this.#parts.table.prefix + idKey(this.#parts.serverId);
  }
}
