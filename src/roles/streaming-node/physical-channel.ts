// The writer of one log: collects what waits, gives it timestamps, makes it durable in one append (group commit), then lets the shards
// apply it in order. Durable first, visible second, acknowledged third. After a failed write nobody knows what reached the disk: the log is
// opened again, and what it holds beyond the last known entry takes effect before anything new is written.
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError, messageOf, toElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import { LogRecord } from '#proto/elanus/data.js';
import type { WriteAheadLog } from '#wal/write-ahead-log.js';
import type { Shard } from './shard.js';
import type { ShardChange } from './shard-change.js';
import { idsNeeded, type ShardDraft } from './shard-draft.js';

/** Between two attempts to open a log again whose disk failed, in ms. */
const REOPEN_MS_MIN = 100;
const REOPEN_MS_MAX = 5000;
/** Bytes of one group commit; a single larger request goes alone. */
const GROUP_BYTES_MAX = 32 * 1024 * 1024;
/** Bytes waiting for the log before writers are refused. */
const QUEUE_BYTES_MAX = 256 * 1024 * 1024;

interface Pending {
  readonly shard: Shard;
  readonly change: ShardChange;
  readonly bytes: number;
  readonly done: Deferred<bigint>;
}
interface Planned {
  readonly pending: Pending;
  readonly timestamp: bigint;
  readonly records: readonly LogRecord[];
}
export interface PhysicalChannelParts {
  readonly platform: Platform;
  readonly openLog: () => Promise<WriteAheadLog>;
  readonly allocateTimestamps: (count: number) => Promise<bigint>;
}
export class PhysicalChannel {
  readonly #platform: Platform;
  readonly #parts: PhysicalChannelParts;
  #log: WriteAheadLog;
  readonly #closing = new AbortController();
  readonly shards = new Map<string, Shard>();
  #queue: Pending[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | undefined;

  private constructor(parts: PhysicalChannelParts, log: WriteAheadLog) {
    this.#platform = parts.platform;
    this.#parts = parts;
    this.#log = log;
  }
  static async open(parts: PhysicalChannelParts): Promise<PhysicalChannel> {
    return new PhysicalChannel(parts, await parts.openLog());
  }
  get log(): WriteAheadLog {
    return this.#log;
  }
  /** Resolves with the change's timestamp once it is durable and visible. */
  submit(shard: Shard, change: ShardChange, bytes: number): Promise<bigint> {
    if (this.#queuedBytes > QUEUE_BYTES_MAX) {
      throw new ElanusError(
        'queue_full',
        `${this.#queuedBytes} bytes wait for the log, the limit is ${QUEUE_BYTES_MAX}; send less at a time and try again`,
      );
    }
    const done = deferred<bigint>();
    this.#queue.push({ shard, change, bytes, done });
    this.#queuedBytes += bytes;
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
    });
    return done.promise;
  }
  async #drain(): Promise<void> {
    // One turn later, so that requests of the same turn share the append.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#commit(group);
      } catch (error) {
        const failure = toElanusError(error, 'log append');
        this.#platform.logger.error('write_group_failed', { reason: messageOf(error), writes: group.length });
        for (const pending of group) pending.done.reject(failure);
        if (failure.key === 'wal_unavailable') await this.#reopen();
      }
    }
  }
  /** Opens the log again and applies what is in it beyond what was known, as if its write had succeeded. Writers are refused meanwhile. */
  async #reopen(): Promise<void> {
    let next = this.#log.nextLsn;
    let recovered = 0;
    await this.#log.close().catch(() => {}); // Its handle is broken anyway.
    for (let pauseMs = REOPEN_MS_MIN; !this.#closing.signal.aborted; pauseMs = Math.min(REOPEN_MS_MAX, pauseMs * 2)) {
      try {
        const log = await this.#parts.openLog();
        for await (const { lsn, payload } of log.read(next)) {
          const record = LogRecord.decode(payload);
          await this.shards.get(record.vchannel)?.apply(record, lsn);
          next = lsn + 1n;
          recovered++;
        }
        this.#log = log;
        this.#platform.logger.info('wal_reopened', { nextLsn: log.nextLsn, recovered });
        return;
      } catch (error) {
        this.#platform.logger.error('wal_reopen_failed', { reason: messageOf(error), pauseMs });
        for (const pending of this.#queue.splice(0)) pending.done.reject(toElanusError(error, 'log'));
        this.#queuedBytes = 0;
        await this.#platform.timers.sleep(pauseMs, this.#closing.signal).catch(() => {});
      }
    }
  }
  #takeGroup(): Pending[] {
    let count = 0;
    let bytes = 0;
    for (const pending of this.#queue) {
      if (count > 0 && bytes + pending.bytes > GROUP_BYTES_MAX) break;
      bytes += pending.bytes;
      count++;
      if (count === 4096) break;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }
  async #commit(group: readonly Pending[]): Promise<void> {
    const refused = await this.#reserveIds(group);
    const firstTimestamp = await this.#parts.allocateTimestamps(group.length);
    const drafts = new Map<Shard, ShardDraft>();
    const planned: Planned[] = [];
    try {
      for (const [index, pending] of group.entries()) {
        const timestamp = firstTimestamp + BigInt(index);
        try {
          const why = refused.get(pending.shard);
          if (why !== undefined) throw why;
          const draft = drafts.get(pending.shard) ?? pending.shard.draft();
          drafts.set(pending.shard, draft);
          planned.push({ pending, timestamp, records: draft.plan(pending.change, timestamp) });
        } catch (error) {
          pending.done.reject(toElanusError(error, 'write'));
        }
      }
      await this.#append(planned);
    } finally {
      for (const draft of drafts.values()) draft.close();
    }
  }
  /** @returns shards that got none, and why: their changes fail, those of others do not. */
  async #reserveIds(group: readonly Pending[]): Promise<ReadonlyMap<Shard, ElanusError>> {
    const counts = new Map<Shard, number>();
    for (const { shard, change } of group) counts.set(shard, (counts.get(shard) ?? 0) + idsNeeded(change));
    const refused = new Map<Shard, ElanusError>();
    for (const [shard, count] of counts) {
      await shard.reserveIds(count).catch((error: unknown) => refused.set(shard, toElanusError(error, 'segment ids')));
    }
    return refused;
  }
  /** One append for all, then each takes effect and is answered. A shard that could not apply a record answers with that. */
  async #append(planned: readonly Planned[]): Promise<void> {
    const payloads = planned.flatMap(({ records }) => records.map((record) => LogRecord.encode(record).finish()));
    if (payloads.length === 0) return;
    let lsn = await this.#log.append(payloads);
    const applied: Planned[] = [];
    for (const one of planned) {
      const { shard, done } = one.pending;
      for (const record of one.records) await shard.apply(record, lsn++);
      if (shard.failure === undefined) applied.push(one);
      else done.reject(shard.failure);
    }
    for (const { pending, timestamp } of applied) pending.done.resolve(timestamp);
  }
  /** Lets go of log entries that every shard has in files. */
  async truncate(): Promise<void> {
    let end = this.#log.nextLsn;
    for (const shard of this.shards.values()) if (shard.firstUnsavedLsn < end) end = shard.firstUnsavedLsn;
    await this.#log.truncate(end);
  }
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#log.close();
  }
}
