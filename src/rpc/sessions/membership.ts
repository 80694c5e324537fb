// A process among others on one catalog: its session, whom it sees, and the roles of which one process at a time is active. The others stand by
// and take over when the session of the active one is over (docs/adr/0049).
import { ElanusError, messageOf } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import { idKey, type RecordTable, recordTable } from '#catalog/record-table.js';
import type { MetaCompare, MetaOperation, MetaStore } from '#platform/meta-store.js';
import type { Platform } from '#platform/platform.js';
import { LeaderRecord, SessionRecord } from '#proto/elanus/data.js';
import type { RoleName } from '#rpc/role-names.js';
import { fencedMetaStore } from './fenced-meta-store.js';
import { OwnSession, SESSION_PREFIX } from './own-session.js';
import { type SeenNode, SessionView } from './session-view.js';

export interface MembershipSettings {
  /** How long a process that does not write counts as alive, in ms. */
  readonly ttlMs: number;
  /** Roles of which one process at a time is active. */
  readonly exclusiveRoles: readonly RoleName[];
}

export interface MembershipParts {
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'logger' | 'metaStore'>;
  readonly serverId: bigint;
  readonly settings: MembershipSettings;
  /** The process has to end: whatever it still does, others do not take it for alive. */
  readonly onLost: (reason: string) => void;
  /** Another process is the active one for the role. */
  readonly onStandBy?: (role: RoleName) => void;
}

export class Membership {
  readonly #parts: MembershipParts;
  readonly #sessions: RecordTable<SessionRecord>;
  readonly #leaders: RecordTable<LeaderRecord>;
  readonly #view = new SessionView();
  readonly #own: OwnSession;
  readonly #closed = new AbortController();
  readonly #epochs = new Map<RoleName, bigint>();
  #version = 0;
  /** Called with every change of who serves what. */
  onChange: () => void = () => {};
  /** Who waits for a change of who serves what. */
  readonly #waiting = new Set<() => void>();
  #watches: readonly { cancel(): void }[] = [];
  #looking: Promise<void> | undefined;
  #lookingNext: Promise<void> | undefined;

  constructor(parts: MembershipParts) {
    const { platform, serverId, settings, onLost } = parts;
    this.#parts = parts;
    this.#sessions = recordTable(platform.metaStore, SESSION_PREFIX, SessionRecord);
    this.#leaders = recordTable(platform.metaStore, 'leader/', LeaderRecord);
    this.#own = new OwnSession({
      ...{ platform, store: platform.metaStore, table: this.#sessions, serverId },
      ...{ ttlMs: settings.ttlMs, onLost },
    });
  }

  /** Writes the session, and from then on again and again. @param address where other processes reach this one */
  async join(address: string): Promise<void> {
    await this.#own.register(address);
    const look = (): void => void this.#look();
    const { metaStore } = this.#parts.platform;
    this.#watches = [metaStore.watch(SESSION_PREFIX, look), metaStore.watch('leader/', look)];
    await this.#look();
    void this.#beat();
  }

  async #beat(): Promise<void> {
    const { timers } = this.#parts.platform;
    const pauseMs = this.#parts.settings.ttlMs / 3;
    while (!this.#closed.signal.aborted) {
      await timers.sleep(pauseMs, this.#closed.signal).catch(() => {});
      if (this.#closed.signal.aborted) return;
      await this.#own.renew();
      await this.#look();
    }
  }

  /** A read of the sessions that begins after the call: one that is under way may not see what the caller heard of. All who ask meanwhile share the next. */
  #look(): Promise<void> {
    if (this.#looking === undefined) {
      this.#looking = this.#read().finally(() => {
        this.#looking = undefined;
      });
      return this.#looking;
    }
    this.#lookingNext ??= this.#looking.then(() => {
      this.#lookingNext = undefined;
      return this.#look();
    });
    return this.#lookingNext;
  }

  async #read(): Promise<void> {
    const { clock, logger } = this.#parts.platform;
    const before = this.#view.places;
    const begunMs = clock.monotonic();
    try {
      this.#view.observe(await this.#sessions.entries(), begunMs, clock.monotonic());
    } catch (error) {
      logger.warn('sessions_not_read', { reason: messageOf(error) });
      return;
    }
    if (this.#view.places === before) return;
    this.#version++;
    this.onChange();
    for (const wake of [...this.#waiting]) wake();
  }

  isExclusive(role: RoleName): boolean {
    return this.#parts.settings.exclusiveRoles.includes(role);
  }

  /** This process ends: it sees nobody come or go any more, and `news` resolves at once. */
  get isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** Rises with every change of who serves what. */
  get version(): number {
    return this.#version;
  }

  /** @throws session_suspended when this process may have been taken for dead */
  check(what: string): void {
    this.#own.check(what);
  }

  /** Who serves a role, this process left out. Of an exclusive one: the active process, or none. */
  nodesOf(role: RoleName): readonly SeenNode[] {
    const nodes = this.#view.nodesOf(role);
    const others = this.isExclusive(role) ? nodes.slice(0, 1) : nodes;
    return others.filter(({ serverId }) => serverId !== this.#parts.serverId);
  }

  /** Resolves at the next change of who serves what, after the pause, or when the signal or `close` aborts. */
  news(pauseMs: number, signal: AbortSignal = this.#closed.signal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#waiting.delete(end);
        for (const forget of forgets) forget();
        resolve();
      };
      const timer = this.#parts.platform.timers.after(pauseMs, end);
      this.#waiting.add(end);
      const forgets: (() => void)[] = [];
      for (const one of new Set([signal, this.#closed.signal])) forgets.push(onAbort(one, end));
    });
  }

  /** Found by others from now on. */
  serve(role: RoleName): void {
    void this.#own.serve(role, this.#epochs.get(role) ?? 0n);
  }

  /**
   * Waits until this process is the active one for the role.
   * @returns the store by which it changes the catalog as long as it is. @throws cancelled by `close`
   */
  async lead(role: RoleName): Promise<MetaStore> {
    const { platform, settings, serverId } = this.#parts;
    platform.logger.info('stands_by', { role, serverId });
    let isSaid = false;
    for (;;) {
      const known = this.#version;
      const won = await this.#tryLead(role).catch((error: unknown) => {
        platform.logger.warn('leader_not_read', { role, reason: messageOf(error) });
        return 'unknown' as const;
      });
      if (won !== undefined && won !== 'unknown') {
        this.#epochs.set(role, won.epoch);
        platform.logger.info('leads', { role, serverId, epoch: won.epoch });
        const guard = { key: this.#leaders.prefix + role, modRevision: won.revision };
        const onFenced = (): void => this.#own.fenced(role);
        return fencedMetaStore(platform.metaStore, { role, guard, onFenced });
      }
      if (won === undefined && !isSaid) {
        isSaid = true;
        this.#parts.onStandBy?.(role);
      }
      // Not for news that came during the attempt.
      if (this.#version === known) await this.news(settings.ttlMs / 4);
      if (this.#closed.signal.aborted)
        throw new ElanusError('cancelled', `${role}: the process ended while it stood by`);
    }
  }

  /** One attempt. Nobody leads, or who did is over: then its session goes in the same step, so that it cannot come back between. */
  async #tryLead(role: RoleName): Promise<{ readonly epoch: bigint; readonly revision: bigint } | undefined> {
    await this.#look();
    // A renewal between the condition and its check would be taken for a loss.
    return this.#own.whileWritten(() => this.#takePlace(role));
  }

  async #takePlace(
    role: RoleName,
  ): Promise<{ readonly epoch: bigint; readonly revision: bigint } | undefined> {
    const { platform, serverId } = this.#parts;
    const leader = await this.#leaders.entry(role);
    // A write of ours whose answer was lost.
    if (leader?.record.serverId === serverId)
      return { epoch: leader.record.epoch, revision: leader.revision };
    if (!this.#own.isValid) return undefined;
    const compares: MetaCompare[] = [
      this.#own.guard,
      { key: this.#leaders.prefix + role, modRevision: leader?.revision ?? 0n },
    ];
    const epoch = (leader?.record.epoch ?? 0n) + 1n;
    const operations: MetaOperation[] = [this.#leaders.put(role, { role, serverId, epoch })];
    if (leader !== undefined) {
      if (!this.#view.isOver(leader.record.serverId)) return undefined;
      const key = idKey(leader.record.serverId);
      const revision = this.#view.entryOf(leader.record.serverId)?.revision ?? 0n;
      compares.push({ key: this.#sessions.prefix + key, modRevision: revision });
      if (revision !== 0n) operations.push(this.#sessions.remove(key));
    }
    const revision = await platform.metaStore.transact(compares, operations);
    return revision === undefined ? undefined : { epoch, revision };
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const watch of this.#watches) watch.cancel();
    await this.#own.close();
  }
}
