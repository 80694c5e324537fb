// The log of one physical channel. What a reader sees at a position never changes; an entry that was acknowledged is on disk.
export interface LogEntry {
  /** Log sequence number: 1 for the first entry of a log, then one more for each. */
  readonly lsn: bigint;
  readonly payload: Uint8Array;
}

export interface WriteAheadLog {
  /** The number the next entry gets. */
  readonly nextLsn: bigint;
  /** Entries before it are gone. */
  readonly firstLsn: bigint;
  /** Bytes on disk. */
  readonly bytes: number;
  /**
   * Appends entries in order; each is atomic. Resolves once all are durable.
   * @returns the number of the first; the others follow contiguously.
   * @throws parameter_too_large an entry is longer than any reader takes: nothing was written, the log goes on; wal_fenced a newer owner
   *   has opened the log; wal_unavailable a write or fsync failed: this log takes nothing more until it is opened again.
   */
  append(payloads: readonly Uint8Array[]): Promise<bigint>;
  /** Entries from `begin` (inclusive) to the durable end, in order. @throws data_corrupt */
  read(begin: bigint): AsyncIterable<LogEntry>;
  /** What `truncate(end)` would give back, in bytes. */
  bytesBefore(end: bigint): number;
  /** Forgets whole files whose entries are all before `end`. Every consumer's checkpoint must be at or past `end`. */
  truncate(end: bigint): Promise<void>;
  /** Every consumer's checkpoint is at or past the first entry from now on: the next opening may demand it. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** What was found in the folder of a log, before anything in it is changed. */
export interface FoundLog {
  readonly folder: string;
  /** No file of the log is there: it is new, or was taken away. */
  readonly isMissing: boolean;
  readonly firstLsn: bigint;
  readonly nextLsn: bigint;
  /**
   * A program before version 2 of the format wrote it and `settle` was not called yet: that program let go of entries behind the checkpoint
   * of consumers that had nothing to save.
   */
  readonly isUnsettled: boolean;
}
