// A write-ahead log in files of one folder: `<first lsn, 16 hex digits>.log`, frames as in frame.ts. One writer at a time: the
// data folder's lock keeps other processes out, and an opener with an older epoch than the files carry is refused.
import { assert } from '#base/assert.js';
import { Mutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import type { AppendFile } from '#platform/files.js';
import type { Platform } from '#platform/platform.js';
import { decodeFrame, decodeHeader, encodeFrame, encodeHeader, frameBytes, HEADER_BYTES, type LogFileHeader } from './frame.js';
import type { LogEntry, WriteAheadLog } from './write-ahead-log.js';

export interface FileLogOptions {
  readonly folder: string;
  /** Of the owner; not below the epoch that the newest file carries. */
  readonly epoch: bigint;
  /** A new file begins when the current one has reached this size, in bytes. */
  readonly fileBytesMax: number;
}
interface LogFile {
  readonly path: string;
  readonly firstLsn: bigint;
  /** One past the last entry. */
  endLsn: bigint;
  bytes: number;
}
const pathOf = (folder: string, firstLsn: bigint): string => `${folder}/${firstLsn.toString(16).padStart(16, '0')}.log`;

/** @throws wal_fenced a newer owner has written; data_corrupt an entry that is not at the end is damaged. */
export async function openFileLog(platform: Platform, options: FileLogOptions): Promise<WriteAheadLog> {
  const paths = (await platform.files.list(options.folder)).filter((path) => path.endsWith('.log'));
  const files: LogFile[] = [];
  for (const [index, path] of paths.entries()) {
    const isLast = index === paths.length - 1;
    const bytes = await platform.files.read(path);
    const header = decodeHeader(bytes, platform.crc32);
    if (header === undefined) {
      // A crash between creating the file and its header's fsync: nothing in it was acknowledged.
      if (isLast && bytes.length <= HEADER_BYTES) {
        await platform.files.remove(path);
        continue;
      }
      throw corrupt(path, 'its header is damaged');
    }
    if (header.epoch > options.epoch) {
      throw new ElanusError(
        'wal_fenced',
        `log ${options.folder}: a newer owner (epoch ${header.epoch}) has written, this one has epoch ${options.epoch}; refresh the channel's assignment`,
      );
    }
    files.push(await scanFile(platform, path, bytes, header, isLast));
  }
  for (const [index, file] of files.entries()) {
    const next = files[index + 1];
    if (next !== undefined && next.firstLsn !== file.endLsn)
      throw corrupt(file.path, `it ends at entry ${file.endLsn}, the next file begins at ${next.firstLsn}`);
  }
  return new FileLog(platform, options, files);
}
const corrupt = (path: string, why: string): ElanusError =>
  new ElanusError(
    'data_corrupt',
    `log file ${path}: ${why}; expected whole entries; restore the file from a copy, or move it away to go on without its rows`,
  );

async function scanFile(platform: Platform, path: string, bytes: Uint8Array, header: LogFileHeader, isLast: boolean): Promise<LogFile> {
  let offset = HEADER_BYTES;
  let lsn = header.firstLsn;
  for (;;) {
    const frame = decodeFrame(bytes, offset, lsn, platform.crc32);
    if (frame === undefined) break;
    offset = frame.end;
    lsn++;
  }
  if (offset < bytes.length) {
    if (!isLast) throw corrupt(path, `entry ${lsn} at byte ${offset} is damaged`);
    platform.logger.warn('wal_torn_tail_cut', { path, atByte: offset, bytes: bytes.length - offset, nextLsn: lsn });
    await platform.files.truncate(path, offset);
  }
  return { path, firstLsn: header.firstLsn, endLsn: lsn, bytes: offset };
}

class FileLog implements WriteAheadLog {
  readonly #platform: Platform;
  readonly #options: FileLogOptions;
  readonly #files: LogFile[];
  #writer: { readonly file: LogFile; readonly handle: AppendFile } | undefined;
  #nextLsn: bigint;
  #failure: ElanusError | undefined;
  #appending: Promise<unknown> = Promise.resolve();
  readonly #truncating = new Mutex();

  constructor(platform: Platform, options: FileLogOptions, files: LogFile[]) {
    this.#platform = platform;
    this.#options = options;
    this.#files = files;
    this.#nextLsn = files.at(-1)?.endLsn ?? 1n;
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

  append(payloads: readonly Uint8Array[]): Promise<bigint> {
    const result = this.#appending.then(() => this.#appendNow(payloads));
    this.#appending = result.catch(() => {});
    return result;
  }
  async #appendNow(payloads: readonly Uint8Array[]): Promise<bigint> {
    if (this.#failure !== undefined) throw this.#failure;
    const first = this.#nextLsn;
    try {
      const { file, handle } = await this.#writerFor();
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for (const [index, payload] of payloads.entries()) {
        parts.push(...encodeFrame(first + BigInt(index), payload, this.#platform.crc32));
        bytes += frameBytes(payload.length);
      }
      await handle.append(parts);
      file.bytes += bytes;
      this.#nextLsn = first + BigInt(payloads.length);
      file.endLsn = this.#nextLsn;
      return first;
    } catch (error) {
      // What reached the disk is unknown: stop, and let a new opening read back what is there.
      this.#failure = new ElanusError(
        'wal_unavailable',
        `log ${this.#options.folder}: a write failed (${messageOf(error)}); nothing more is taken until the log is opened again`,
        { cause: error },
      );
      this.#platform.logger.error('wal_write_failed', { folder: this.#options.folder, reason: messageOf(error) });
      throw this.#failure;
    }
  }
  /** The current file, or a new one after a restart or when the current is full. */
  async #writerFor(): Promise<{ readonly file: LogFile; readonly handle: AppendFile }> {
    if (this.#writer !== undefined && this.#writer.file.bytes < this.#options.fileBytesMax) return this.#writer;
    await this.#writer?.handle.close();
    this.#writer = undefined;
    const last = this.#files.at(-1);
    // A file without entries would share its name with the new one.
    if (last !== undefined && last.firstLsn === this.#nextLsn) {
      await this.#platform.files.remove(last.path);
      this.#files.pop();
    }
    const path = pathOf(this.#options.folder, this.#nextLsn);
    const handle = await this.#platform.files.openAppend(path);
    assert(handle.size === 0, `log file ${path} already has ${handle.size} bytes`);
    await handle.append([encodeHeader({ epoch: this.#options.epoch, firstLsn: this.#nextLsn }, this.#platform.crc32)]);
    const file: LogFile = { path, firstLsn: this.#nextLsn, endLsn: this.#nextLsn, bytes: HEADER_BYTES };
    this.#files.push(file);
    this.#writer = { file, handle };
    return this.#writer;
  }

  async *read(begin: bigint): AsyncIterable<LogEntry> {
    for (const file of [...this.#files]) {
      if (file.endLsn <= begin) continue;
      const bytes = await this.#platform.files.readRange(file.path, 0, file.bytes);
      let offset = HEADER_BYTES;
      const end = file.endLsn;
      for (let lsn = file.firstLsn; lsn < end; lsn++) {
        const frame = decodeFrame(bytes, offset, lsn, this.#platform.crc32);
        if (frame === undefined) throw corrupt(file.path, `entry ${lsn} at byte ${offset} is damaged`);
        offset = frame.end;
        if (lsn >= begin) yield { lsn, payload: frame.payload };
      }
    }
  }
  truncate(end: bigint): Promise<void> {
    // One at a time: two that remove the same file would each take one off the list, and the next round would leave a hole.
    return this.#truncating.run(async () => {
      for (;;) {
        const file = this.#files[0];
        if (file === undefined || file.endLsn > end || this.#files.length === 1) return;
        await this.#platform.files.remove(file.path);
        this.#files.shift();
      }
    });
  }
  async close(): Promise<void> {
    await this.#appending;
    await this.#writer?.handle.close();
    this.#failure ??= new ElanusError('wal_unavailable', `log ${this.#options.folder} is closed`);
  }
}
