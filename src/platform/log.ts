// The logs of the writes, one for each physical channel. What a reader sees at a position never changes; an entry that was acknowledged is
// durable. Files hold them (wal/file-logs.ts) unless a platform brings logs of its own, a broker's for example; every implementation passes
// test/contract/log-contract.ts.
export interface LogEntry {
  /** Log sequence number: from 1 on, each entry's above the one before. */
  readonly lsn: bigint;
  readonly payload: Uint8Array;
}

/**
 * The bytes of one entry, whole or in pieces that follow one another. Pieces in memory that threads share stay as they are until the append
 * settles; what an implementation needs longer it copies.
 */
export type LogPayload = Uint8Array | readonly Uint8Array[];

export interface WriteAheadLog {
  /** No entry has it or a higher one yet; the next gets one that is not below. */
  readonly nextLsn: bigint;
  /** Entries before it are gone. */
  readonly firstLsn: bigint;
  /** Bytes that it takes. */
  readonly bytes: number;
  /**
   * Appends entries in order; each is atomic. Resolves once all are durable.
   * @returns the number of each, rising
   * @throws parameter_too_large an entry is longer than any reader takes: nothing was written, the log goes on; wal_fenced a newer owner
   *   has opened the log; wal_unavailable a write failed: this log takes nothing more until it is opened again.
   */
  append(payloads: readonly LogPayload[]): Promise<readonly bigint[]>;
  /** Entries from `begin` (inclusive) to the durable end, in order. @throws data_corrupt */
  read(begin: bigint): AsyncIterable<LogEntry>;
  /** What `truncate(end)` would give back, in bytes. */
  bytesBefore(end: bigint): number;
  /** Forgets entries before `end`, or some of them. Every consumer's checkpoint must be at or past `end`. */
  truncate(end: bigint): Promise<void>;
  /** Every consumer's checkpoint is at or past the first entry from now on: the next opening may demand it. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** What was found of a log, before anything of it is changed. */
export interface FoundLog {
  /** For messages: where the log is. */
  readonly place: string;
  /** Nothing of the log is there: it is new, or was taken away. */
  readonly isMissing: boolean;
  readonly firstLsn: bigint;
  readonly nextLsn: bigint;
  /** `settle` was not called yet, and whoever wrote it may have let go of entries behind the checkpoint of consumers that had nothing to save. */
  readonly isUnsettled: boolean;
}

export interface OpenLogOptions {
  /** Name of the physical channel. */
  readonly name: string;
  /** Epoch of the owner; not below the newest that the log carries. */
  readonly epoch: bigint;
  /** What is let go at once, in bytes: a log is truncated in pieces of this size. */
  readonly fileBytesMax: number;
  /** The newest piece stays while it is smaller, though nothing in it is needed; 0 when not given. */
  readonly spareBytesMax?: number;
  /** Largest size of one entry; only tests set it lower. */
  readonly payloadBytesMax?: number;
  /** Asked before anything of the log changes but its owner; throws when the log is not the one that belongs here. */
  readonly check?: (found: FoundLog) => void;
}

export interface LogStore {
  /**
   * Opens a log and takes it from the owner before: what that one still appends is refused, or was read here.
   * @throws wal_fenced a newer owner has the log; data_corrupt an entry that was durable is damaged or missing
   */
  open(options: OpenLogOptions): Promise<WriteAheadLog>;
  /** Names of the logs of which something is there. */
  names(): Promise<readonly string[]>;
  /** The newest epoch that any log carries; 0n without logs. */
  newestEpoch(): Promise<bigint>;
}
