// A write-ahead log in files of one folder; bytes in frame.ts, names in log-names.ts, opening in log-opening.ts. One writer at a time: the
// data folder's lock keeps other processes out, and whoever opens the log takes it from the handle before.
//
// What holds, whatever moment a crash or a loss of power chooses:
// - An acknowledged entry is on the disk, in a file that is read before any other for its number, and is never cut.
// - Numbers go on: the newest file stays until its successor is durable, and an opening that finds less than `check` expects changes nothing.
// - What was read back counts only after it was written again: reading proves nothing about the disk.
// - An opening never writes to a file of another opening, so a late append of an old owner changes nothing that the new one has read.
// - A file that does not count, since newer ones hide it, goes before any of those: a file that an old owner began late, one whose removal failed.
import { assert } from '#base/assert.js';
import { Mutex } from '#base/async.js';
import { ElanusError, messageOf, toElanusError } from '#base/errors.js';
import type { AppendFile } from '#platform/files.js';
import type { LogEntry, LogPayload, OpenLogOptions, WriteAheadLog } from '#platform/log.js';
import type { Platform } from '#platform/platform.js';
import {
  decodeFrame,
  encodeFrame,
  encodeHeader,
  type FrameFormat,
  frameBytes,
  headerBytesOf,
  PAYLOAD_BYTES_MAX,
  payloadLength,
} from './frame.js';
import { logPath, parseNames, unsettledPath } from './log-names.js';
import { corrupt, type FoundFiles, fencedBy, type Owner, readFiles, takeOwnership } from './log-opening.js';
import type { ScannedFile } from './log-scan.js';

export interface FileLogOptions extends Omit<OpenLogOptions, 'name'> {
  readonly folder: string;
}

interface LogFile {
  readonly path: string;
  readonly format: FrameFormat;
  readonly firstLsn: bigint;
  /** One past the last entry that counts. */
  endLsn: bigint;
  /** Up to the end of that entry. */
  bytes: number;
}

interface Writer {
  readonly file: LogFile;
  readonly handle: AppendFile;
}

/** A file that the newest one replaces; it stays until that one is proven whole. */
interface Replaced {
  readonly path: string;
  readonly endLsn: bigint;
}

/**
 * @throws wal_fenced a newer owner has the log; data_corrupt an entry that was durable is damaged or missing. Then the folder is as it was,
 *   but for the owner.
 */
export async function openFileLog(platform: Platform, options: FileLogOptions): Promise<WriteAheadLog> {
  // When the opening fails its owner file stays: without one the log would count as closed well.
  const owner = await takeOwnership(platform, options.folder, options.epoch);
  try {
    return await takeLog(platform, options, owner);
  } catch (error) {
    // What a still newer owner does meanwhile looks like damage.
    if ((await platform.files.size(owner.guard)) === undefined)
      throw fencedBy(options.folder, options.epoch, options.epoch);
    throw error;
  }
}

async function takeLog(platform: Platform, options: FileLogOptions, owner: Owner): Promise<FileLog> {
  const found = await readFiles(platform, options.folder, owner);
  const firstLsn = found.chain[0]?.name.firstLsn ?? found.nextLsn;
  options.check?.({
    place: options.folder,
    isMissing: found.isMissing,
    firstLsn,
    nextLsn: found.nextLsn,
    isUnsettled: found.isUnsettled,
  });
  // Before the files of version 1 go, which say the same.
  if (found.isUnsettled) await (await platform.files.openAppend(unsettledPath(options.folder))).close();
  return makeLog(platform, options, owner, found);
}

/** Begins a file of our own, with a durable copy of what nothing proves to be on the disk. */
async function makeLog(
  platform: Platform,
  options: FileLogOptions,
  owner: Owner,
  found: FoundFiles,
): Promise<FileLog> {
  const writer = await makeFile(platform, options.folder, owner, found.unproven, found.nextLsn).catch(
    (error: unknown) => {
      if (!(error instanceof FileNotMade)) throw error;
      const cause = toElanusError(error.cause, 'log file');
      if (cause.key !== 'io_failed' && cause.key !== 'wal_unavailable') throw cause;
      const fact = `log ${options.folder} cannot be opened, its new file was not written (${cause.message})`;
      throw new ElanusError(
        cause.key,
        `${fact}; free space on the disk or mend it, then open again: nothing was lost`,
        { cause },
      );
    },
  );
  const files = found.chain.map(logFileOf);
  const replaced: Replaced[] = [];
  const last = files.at(-1);
  const source = found.chain.at(-1);
  if (last !== undefined && source !== undefined) {
    last.endLsn = writer.file.firstLsn;
    if (found.unproven.length > 0) last.bytes = source.lastGroupByte;
    if (last.firstLsn === last.endLsn) {
      files.pop();
      replaced.push({ path: last.path, endLsn: writer.file.endLsn });
    }
  }
  files.push(writer.file);
  for (const path of found.useless) replaced.push({ path, endLsn: 0n });
  const log = new FileLog(platform, options, owner, files, writer, replaced);
  await log.removeReplaced(0n);
  return log;
}

const logFileOf = (file: ScannedFile): LogFile => ({
  path: file.name.path,
  format: file.header,
  firstLsn: file.name.firstLsn,
  endLsn: file.endLsn,
  bytes: file.endByte,
});

async function makeFile(
  platform: Platform,
  folder: string,
  owner: Owner,
  copies: readonly LogEntry[],
  nextLsn: bigint,
): Promise<Writer> {
  const firstLsn = copies[0]?.lsn ?? nextLsn;
  const salt = platform.random.nextUint32();
  const { epoch, term } = owner;
  const path = logPath(folder, { firstLsn, term, salt });
  let handle: AppendFile | undefined;
  try {
    handle = await platform.files.openAppend(path, owner.guard);
    assert(handle.size === 0, `log file ${path} already has ${handle.size} bytes`);
    const parts = [encodeHeader({ epoch, term, firstLsn, copyEndLsn: nextLsn, salt }, platform.crc32)];
    for (const [index, { lsn, payload }] of copies.entries())
      parts.push(...encodeFrame({ lsn, index, isCopy: true, payload }, salt, platform.crc32));
    await handle.append(parts);
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    return { file: { path, format: { version: 2, salt }, firstLsn, endLsn: nextLsn, bytes }, handle };
  } catch (cause) {
    await handle?.close().catch(() => {});
    const isGone = await platform.files.remove(path).then(
      () => true,
      () => false,
    );
    throw new FileNotMade(cause, isGone);
  }
}

/** Whether it is gone matters: of a file that may exist nobody knows whether it counts, and the entries of the one before end where it begins. */
class FileNotMade extends Error {
  override readonly cause: unknown;
  readonly isGone: boolean;

  constructor(cause: unknown, isGone: boolean) {
    super(messageOf(cause));
    this.cause = cause;
    this.isGone = isGone;
  }
}

class FileLog implements WriteAheadLog {
  readonly #platform: Platform;
  readonly #options: FileLogOptions;
  readonly #owner: Owner;
  /** Oldest first; the last is the writer's. */
  readonly #files: LogFile[];
  #replaced: Replaced[];
  #writer: Writer;
  #nextLsn: bigint;
  /** Whether an entry follows the copies of the writer's first file: then a reader distinguishes damage in them from an unfinished file. */
  #isProven = false;
  #failure: ElanusError | undefined;
  #appending: Promise<unknown> = Promise.resolve();
  readonly #truncating = new Mutex();
  /** Nothing is removed any more: whoever closes the log may close its files next. */
  #isClosing = false;

  constructor(
    platform: Platform,
    options: FileLogOptions,
    owner: Owner,
    files: LogFile[],
    writer: Writer,
    replaced: Replaced[],
  ) {
    this.#platform = platform;
    this.#options = options;
    this.#owner = owner;
    this.#files = files;
    this.#writer = writer;
    this.#replaced = replaced;
    this.#nextLsn = writer.file.endLsn;
  }

  get nextLsn(): bigint {
    return this.#nextLsn;
  }

  get firstLsn(): bigint {
    return this.#files[0]?.firstLsn ?? this.#nextLsn;
  }

  get bytes(): number {
    return this.#files.reduce((sum, file) => sum + file.bytes, 0);
  }

  append(payloads: readonly LogPayload[]): Promise<readonly bigint[]> {
    const limit = this.#options.payloadBytesMax ?? PAYLOAD_BYTES_MAX;
    const longest = payloads.reduce((most, payload) => Math.max(most, payloadLength(payload)), 0);
    if (longest > limit) {
      const fact = `log ${this.#options.folder}: an entry has ${longest} bytes, the limit is ${limit}`;
      return Promise.reject(new ElanusError('parameter_too_large', `${fact}; send fewer rows at a time`));
    }
    return this.#inOrder(() => this.#appendNow(payloads));
  }

  #inOrder<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#appending.then(task);
    this.#appending = result.catch(() => {});
    return result;
  }

  async #appendNow(payloads: readonly LogPayload[]): Promise<readonly bigint[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const first = this.#nextLsn;
    try {
      if (this.#writer.file.bytes >= this.#options.fileBytesMax) await this.#beginFile();
      const { file, handle } = this.#writer;
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for (const [index, payload] of payloads.entries()) {
        const frame = { lsn: first + BigInt(index), index, isCopy: false, payload };
        parts.push(...encodeFrame(frame, file.format.salt, this.#platform.crc32));
        bytes += frameBytes(payloadLength(payload));
      }
      await handle.append(parts);
      file.bytes += bytes;
      this.#nextLsn = first + BigInt(payloads.length);
      file.endLsn = this.#nextLsn;
      if (payloads.length > 0) this.#isProven = true;
      return payloads.map((_, index) => first + BigInt(index));
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** What reached the disk is unknown: stop, and let a new opening read back what is there. */
  #fail(thrown: unknown): ElanusError {
    const error = thrown instanceof FileNotMade ? thrown.cause : thrown;
    const isFenced = error instanceof ElanusError && error.key === 'wal_fenced';
    this.#failure = isFenced
      ? error
      : new ElanusError(
          'wal_unavailable',
          `log ${this.#options.folder}: a write failed (${messageOf(error)}); nothing more is taken until the log is opened again`,
          { cause: error },
        );
    this.#platform.logger.error('wal_write_failed', {
      folder: this.#options.folder,
      reason: messageOf(error),
    });
    return this.#failure;
  }

  /** The successor is durable before anything is written to it, or the current file goes. */
  async #beginFile(): Promise<void> {
    const { handle } = this.#writer;
    this.#writer = await makeFile(this.#platform, this.#options.folder, this.#owner, [], this.#nextLsn);
    this.#files.push(this.#writer.file);
    await handle.close();
  }

  async *read(begin: bigint): AsyncIterable<LogEntry> {
    for (const { path, format, firstLsn, endLsn, bytes: length } of this.#files.map((file) => ({
      ...file,
    }))) {
      if (endLsn <= begin) continue;
      const bytes = await this.#platform.files.readRange(path, 0, length);
      let offset = headerBytesOf(format);
      for (let lsn = firstLsn; lsn < endLsn; lsn++) {
        const frame = decodeFrame(bytes, offset, lsn, format, this.#platform.crc32);
        if (frame === undefined) throw corrupt(path, `entry ${lsn} at byte ${offset} is damaged`);
        offset = frame.end;
        if (lsn >= begin) yield { lsn, payload: frame.payload };
      }
    }
  }

  bytesBefore(end: bigint): number {
    return this.#files.reduce((sum, file) => (file.endLsn <= end ? sum + file.bytes : sum), 0);
  }

  async settle(): Promise<void> {
    if (this.#failure === undefined) await this.#platform.files.remove(unsettledPath(this.#options.folder));
  }

  truncate(end: bigint): Promise<void> {
    // One at a time: two that remove the same file would each take one off the list, and the next round would leave a hole.
    return this.#truncating.run(async () => {
      if (this.#failure !== undefined || this.#isClosing) return; // The files may be another opening's by now.
      await this.removeReplaced(end);
      // One that stays is read as part of the log once what is newer than it and hides it is gone.
      if (this.#replaced.some((file) => this.#isUseless(file, end))) return;
      await this.#removeBefore(end);
      const last = this.#files[0];
      if (
        this.#files.length !== 1 ||
        last === undefined ||
        last.endLsn > end ||
        last.endLsn === last.firstLsn
      )
        return;
      if (last.bytes < (this.#options.spareBytesMax ?? 0)) return;
      await this.#inOrder(async () => {
        if (this.#failure !== undefined || this.#nextLsn > end) return;
        await this.#beginFile().catch((error: unknown) => {
          if (error instanceof FileNotMade && error.isGone) throw toElanusError(error.cause, 'log file');
          throw this.#fail(error);
        });
      });
      await this.#removeBefore(end);
    });
  }

  async #removeBefore(end: bigint): Promise<void> {
    for (let removed = 0; ; removed++) {
      const file = this.#files[0];
      if (file === undefined || file.endLsn > end || this.#files.length === 1) return;
      if (removed === 0) await this.#removeLate();
      await this.#platform.files.remove(file.path);
      this.#files.shift();
    }
  }

  /** Files that owners before began after this opening had listed the folder: nothing in them was acknowledged, and ours hide them. */
  async #removeLate(): Promise<void> {
    const { folder } = this.#options;
    const known = new Set([...this.#files, ...this.#replaced].map(({ path }) => path));
    for (const { path, term } of parseNames(await this.#platform.files.list(folder)).logs)
      if (term < this.#owner.term && !known.has(path)) await this.#platform.files.remove(path);
  }

  #isUseless({ endLsn }: Replaced, end: bigint): boolean {
    return this.#isProven || endLsn <= end;
  }

  /** Removes replaced files whose entries are all before `end`, and all once the newest file is proven. What cannot be removed waits. */
  async removeReplaced(end: bigint): Promise<void> {
    const left: Replaced[] = [];
    for (const file of this.#replaced) {
      if (!this.#isUseless(file, end)) {
        left.push(file);
        continue;
      }
      await this.#platform.files.remove(file.path).catch((error: unknown) => {
        this.#platform.logger.warn('wal_file_stays', { path: file.path, reason: messageOf(error) });
        left.push(file);
      });
    }
    this.#replaced = left;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#truncating.run(async () => {});
    await this.#appending;
    await this.#writer.handle.close();
    // Says to the next opening that nothing is torn. A disk that does not let it be said must not keep the log from closing.
    if (this.#failure === undefined) await this.#platform.files.remove(this.#owner.guard).catch(() => {});
    this.#failure ??= new ElanusError('wal_unavailable', `log ${this.#options.folder} is closed`);
  }
}
