// The writer of one log: collects what waits, gives it timestamps, makes it durable in one append (group commit), then lets the shards
// apply it in order. Durable first, visible second, acknowledged third. After a failed write nobody knows what reached the disk: the log is
// opened again, and what it holds beyond the last known entry takes effect before anything new is written.
//
// Groups, openings and replays take turns, so none of them sees the log or a shard in the middle of another. Truncation and flushes run
// beside them and rest on three bounds: what was applied here, what a shard has in no file yet, and what the catalog says it has.
import { must } from '#base/assert.js';
import { deferred, Mutex } from '#base/async.js';
import { ElanusError, messageOf, toElanusError } from '#base/errors.js';
import type { FoundLog, WriteAheadLog } from '#platform/log.js';
import { metaChangesMax } from '#platform/meta-check.js';
import type { Platform } from '#platform/platform.js';
import { LogRecord } from '#proto/elanus/data.js';
import { type ChannelCheckpoint, CheckpointOutcome } from '#proto/elanus/roles.js';
import { FoundRecords, refusedMeanwhile } from '#roles/streaming-node/writes/found-records.js';
import { KnownWrites } from '#roles/streaming-node/writes/known-writes.js';
import { groupSize, type Pending, reserveIds } from '#roles/streaming-node/writes/write-group.js';
import { encodeLogRecord } from '#wal/log-record-bytes.js';
import { checkWhole } from './log-agreement.js';
import type { Shard } from './shard.js';
import type { ShardChange } from './shard-change.js';
import type { ShardDraft } from './shard-draft.js';

/** Between two attempts to open a log again whose disk failed, in ms. */
const REOPEN_MS_MIN = 100;
const REOPEN_MS_MAX = 5000;
/** Bytes waiting for the log before writers are refused. */
const QUEUE_BYTES_MAX = 256 * 1024 * 1024;

/** Checkpoints of shards with nothing to save are moved when the log gives back at least this many bytes. */
const ADVANCE_BYTES_MIN = 1 << 20;
/** For each of them the catalog writes its record anew, which is to be worth it. */
const ADVANCE_BYTES_EACH = 4096;
/** As many as one transaction of the catalog takes. */
const ADVANCE_AT_ONCE = metaChangesMax;

interface Planned {
  readonly pending: Pending;
  readonly timestamp: bigint;
  readonly records: readonly LogRecord[];
}

export interface PhysicalChannelParts {
  readonly platform: Platform;
  /** @param check see OpenLogOptions */
  readonly openLog: (check: (found: FoundLog) => void) => Promise<WriteAheadLog>;
  readonly allocateTimestamps: (count: number) => Promise<bigint>;
  /** Moves checkpoints in the catalog, and says of each what became of it; absent where there is none to move. */
  readonly saveCheckpoints?: (
    checkpoints: readonly ChannelCheckpoint[],
  ) => Promise<readonly CheckpointOutcome[]>;
}

export class PhysicalChannel {
  readonly #platform: Platform;
  readonly #parts: PhysicalChannelParts;
  #log: WriteAheadLog;
  readonly #closing = new AbortController();
  /** Shards that are whole: rebuilt from the log, or new. */
  readonly shards = new Map<string, Shard>();
  /** First entry of other channels that truncation leaves: of those to be rebuilt, and of closed ones that the catalog may still name. */
  readonly #held = new Map<string, bigint>();
  /** The checkpoint of each shard in the catalog. */
  readonly #checkpoints = new Map<Shard, bigint>();
  readonly #known = new KnownWrites();
  readonly #turns = new Mutex();
  readonly #truncating = new Mutex();
  /** Every entry before it has taken effect in its shard. */
  #appliedEnd: bigint;
  #failure: ElanusError | undefined;
  #queue: Pending[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | undefined;

  private constructor(parts: PhysicalChannelParts, log: WriteAheadLog) {
    this.#platform = parts.platform;
    this.#parts = parts;
    this.#log = log;
    this.#appliedEnd = log.nextLsn;
  }

  static async open(
    parts: PhysicalChannelParts,
    check: (found: FoundLog) => void = () => {},
  ): Promise<PhysicalChannel> {
    return new PhysicalChannel(parts, await parts.openLog(check));
  }

  get log(): WriteAheadLog {
    return this.#log;
  }

  /** Takes a shard that has nothing in the log. */
  add(shard: Shard): void {
    const { vchannel, checkpointLsn } = shard.channel;
    this.#checkpoints.set(shard, checkpointLsn);
    this.shards.set(vchannel, shard);
    this.#held.delete(vchannel);
  }

  /**
   * Rebuilds shards from the log, each from its checkpoint, then takes them. Until all of them are whole the log keeps what any of them
   * needs; a shard that is replayed says nothing about one that is not.
   * @returns the number of records
   */
  async recover(shards: readonly Shard[]): Promise<number> {
    const byName = new Map(shards.map((shard) => [shard.channel.vchannel, shard]));
    for (const { channel } of shards) this.#held.set(channel.vchannel, channel.checkpointLsn);
    return this.#turns.run(async () => {
      let begin = this.#log.nextLsn;
      for (const { channel } of shards) if (channel.checkpointLsn < begin) begin = channel.checkpointLsn;
      let records = 0;
      for await (const { lsn, payload } of this.#log.read(begin)) {
        const record = LogRecord.decode(payload);
        const shard = byName.get(record.vchannel);
        // Records of dropped collections stay until the file goes; they have no shard any more.
        if (shard === undefined || lsn < shard.channel.checkpointLsn) continue;
        await shard.apply(record, lsn, true);
        this.#known.note(record);
        records++;
      }
      for (const shard of shards) this.add(shard);
      return records;
    });
  }

  /** Lets go of a shard. Its records stay until the catalog is known not to name it (`forget`): it may be offered again. */
  remove(shard: Shard): void {
    const { vchannel } = shard.channel;
    this.#held.set(vchannel, this.#checkpoints.get(shard) ?? 0n);
    this.#checkpoints.delete(shard);
    this.shards.delete(vchannel);
  }

  /** The catalog does not name the channel any more. */
  forget(vchannel: string): void {
    this.#held.delete(vchannel);
  }

  /** From here on truncation leaves what a new channel may write. @returns the first entry it may get */
  hold(vchannel: string): bigint {
    const lsn = this.#log.nextLsn;
    this.#held.set(vchannel, lsn);
    return lsn;
  }

  /** Whether it had a shard for the channel, which was removed and not forgotten. */
  isHeld(vchannel: string): boolean {
    return this.#held.has(vchannel);
  }

  /** Resolves when whatever has a timestamp by now took effect: what comes later gets a later one. */
  settled(): Promise<void> {
    return this.#turns.run(async () => {});
  }

  /** Runs between two groups of changes: no draft is open, and nothing is half applied. */
  between(task: () => void): Promise<void> {
    return this.#turns.run(async () => task());
  }

  /** Resolves with the change's timestamp once it is durable and visible. */
  submit(shard: Shard, change: ShardChange, bytes: number): Promise<bigint> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#queuedBytes > QUEUE_BYTES_MAX) {
      throw new ElanusError(
        'queue_full',
        `${this.#queuedBytes} bytes wait for the log, the limit is ${QUEUE_BYTES_MAX}; send less at a time and try again`,
      );
    }
    const done = deferred<bigint>();
    this.#queue.push({ shard, change, bytes, done });
    this.#queuedBytes += bytes;
    this.#run();
    return done.promise;
  }

  /** What comes between the last look at the queue and the end of its work is not left lying. */
  #run(): void {
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
      if (this.#queue.length > 0) this.#run();
    });
  }

  async #drain(): Promise<void> {
    // One turn later, so that requests of the same turn share the append.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      await this.#turns.run(() => this.#turn());
    }
  }

  async #turn(): Promise<void> {
    const group = this.#takeGroup();
    try {
      await this.#commit(group);
    } catch (error) {
      const failure = toElanusError(error, 'log append');
      this.#platform.logger.error('write_group_failed', { reason: messageOf(error), writes: group.length });
      for (const pending of group) pending.done.reject(failure);
      if (failure.key === 'wal_unavailable') await this.#reopen();
      if (failure.key === 'wal_fenced') this.#stop(failure);
    }
  }

  /** Another owner has the log: nothing is written here any more. */
  #stop(failure: ElanusError): void {
    this.#failure = failure;
    for (const pending of this.#queue.splice(0)) pending.done.reject(failure);
    this.#queuedBytes = 0;
  }

  /**
   * Opens the log again and applies what is in it beyond what was known, as if its write had succeeded. Writers are refused meanwhile. While there
   * is no memory for it (ADR 0100) it is as if the log could not be opened: tried again.
   */
  async #reopen(): Promise<void> {
    let next = this.#log.nextLsn;
    const acknowledged = next;
    let recovered = 0;
    const found = new FoundRecords(this.#platform.clock);
    await this.#log.close().catch(() => {}); // Its handle is broken anyway.
    for (
      let pauseMs = REOPEN_MS_MIN;
      !this.#closing.signal.aborted;
      pauseMs = Math.min(REOPEN_MS_MAX, pauseMs * 2)
    ) {
      let log: WriteAheadLog | undefined;
      try {
        log = await this.#parts.openLog((whole) => checkWhole(whole, acknowledged));
        for await (const { lsn, payload } of log.read(next)) {
          const record = LogRecord.decode(payload);
          await found.apply(this.shards.get(record.vchannel), record, lsn);
          this.#known.note(record);
          next = lsn + 1n;
          recovered++;
        }
        this.#log = log;
        this.#appliedEnd = log.nextLsn;
        this.#platform.logger.info('wal_reopened', { nextLsn: log.nextLsn, recovered });
        return;
      } catch (error) {
        await log?.close().catch(() => {});
        this.#platform.logger.error('wal_reopen_failed', { reason: messageOf(error), pauseMs });
        if (error instanceof ElanusError && error.key === 'wal_fenced') {
          this.#stop(error);
          return;
        }
        for (const pending of this.#queue.splice(0)) pending.done.reject(refusedMeanwhile(error));
        this.#queuedBytes = 0;
        await this.#platform.timers.sleep(pauseMs, this.#closing.signal).catch(() => {});
      }
    }
  }

  #takeGroup(): Pending[] {
    const group = this.#queue.splice(0, groupSize(this.#queue));
    for (const { bytes } of group) this.#queuedBytes -= bytes;
    return group;
  }

  async #commit(group: readonly Pending[]): Promise<void> {
    const refused = await reserveIds(group);
    const firstTimestamp = await this.#parts.allocateTimestamps(group.length);
    const drafts = new Map<Shard, ShardDraft>();
    const planned: Planned[] = [];
    try {
      for (const [index, pending] of group.entries()) {
        const timestamp = firstTimestamp + BigInt(index);
        try {
          const why = refused.get(pending.shard);
          if (why !== undefined) throw why;
          const earlier = this.#earlier(pending);
          if (earlier !== undefined) {
            pending.done.resolve(earlier);
            continue;
          }
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

  /** When the write was written, if it has come again. Asked within the turn: what came before it in the queue is in the log, or never will be. */
  #earlier({ shard, change }: Pending): bigint | undefined {
    if (change.kind !== 'write' || change.id === undefined) return undefined;
    return this.#known.find(change.id, change.sentAfter ?? 0n, shard.channel);
  }

  /** One append for all, then each takes effect and is answered. A shard that could not apply a record answers with that. */
  async #append(planned: readonly Planned[]): Promise<void> {
    const payloads = planned.flatMap(({ records }) => records.map(encodeLogRecord));
    if (payloads.length === 0) return;
    const lsns = await this.#log.append(payloads);
    let at = 0;
    const applied: Planned[] = [];
    for (const one of planned) {
      const { shard, done } = one.pending;
      let end = this.#appliedEnd;
      for (const record of one.records) {
        const lsn = must(lsns[at++], 'number of a record');
        await shard.apply(record, lsn);
        this.#known.note(record);
        end = lsn + 1n;
      }
      this.#appliedEnd = end;
      if (shard.failure === undefined) applied.push(one);
      else done.reject(shard.failure);
    }
    for (const { pending, timestamp } of applied) pending.done.resolve(timestamp);
  }

  /** Notes, after a flush, the checkpoint that the catalog has now. */
  committed(shard: Shard, checkpointLsn: bigint): void {
    const before = this.#checkpoints.get(shard);
    if (before !== undefined && checkpointLsn > before) this.#checkpoints.set(shard, checkpointLsn);
  }

  /**
   * Lets go of log entries that every shard has in files. The catalog must know it first: a checkpoint is never before the first entry.
   * Shards that have nothing to save do not commit by themselves; their checkpoints move here, when that gives enough back.
   */
  truncate(): Promise<void> {
    return this.#truncating.run(async () => {
      const unneeded = this.#firstNeeded();
      const lagging = [...this.#checkpoints]
        .filter(([, checkpoint]) => checkpoint < unneeded)
        .map(([shard]) => shard);
      const worthMoving = Math.max(ADVANCE_BYTES_MIN, lagging.length * ADVANCE_BYTES_EACH);
      if (lagging.length > 0 && this.#log.bytesBefore(unneeded) >= worthMoving) await this.advance(lagging);
      if (this.#closing.signal.aborted) return; // The log may be closed meanwhile, and its files.
      let end = unneeded;
      for (const checkpoint of this.#checkpoints.values()) if (checkpoint < end) end = checkpoint;
      await this.#log.truncate(end);
    });
  }

  #firstNeeded(): bigint {
    let first = this.#appliedEnd;
    for (const lsn of this.#held.values()) if (lsn < first) first = lsn;
    for (const shard of this.shards.values())
      if (shard.firstUnsavedLsn < first) first = shard.firstUnsavedLsn;
    return first;
  }

  /** Moves the checkpoints of these shards to their first entry that is in no file, or to where the log was applied. @throws channel_moved */
  async advance(shards: readonly Shard[]): Promise<void> {
    const save = this.#parts.saveCheckpoints;
    if (save === undefined) return;
    const moved: Shard[] = [];
    for (let begin = 0; begin < shards.length; begin += ADVANCE_AT_ONCE) {
      const some = shards
        .slice(begin, begin + ADVANCE_AT_ONCE)
        // Closed meanwhile: it has forgotten what it had to save.
        .filter((shard) => this.shards.get(shard.channel.vchannel) === shard);
      if (some.length === 0) continue;
      // Both are read together, before anything else may run.
      const checkpoints = some.map((shard) => {
        const { vchannel, epoch } = shard.channel;
        const lsn = shard.firstUnsavedLsn < this.#appliedEnd ? shard.firstUnsavedLsn : this.#appliedEnd;
        return { vchannel, epoch, lsn, timestamp: shard.checkpointAfter([], []).timestamp };
      });
      const outcomes = await save(checkpoints);
      for (const [at, shard] of some.entries()) {
        const outcome = outcomes[at];
        if (outcome === CheckpointOutcome.CheckpointSaved) this.committed(shard, checkpoints[at]?.lsn ?? 0n);
        else if (outcome === CheckpointOutcome.CheckpointChannelGone) this.#checkpoints.delete(shard);
        else moved.push(shard);
      }
    }
    const [first] = moved;
    if (first !== undefined) throw movedAway(first.channel.vchannel);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#turns.run(async () => {});
    await this.#log.close();
  }
}

export const movedAway = (vchannel: string): ElanusError =>
  new ElanusError(
    'channel_moved',
    `channel ${vchannel}: its checkpoint was not moved; another node owns it now`,
  );
