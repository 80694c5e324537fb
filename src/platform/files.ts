// Files with the durability points spelled out. Paths are relative to a root, `/`-separated, without `..`.
import { ElanusError } from '#base/errors.js';

export interface Files {
  /** Whole content. @throws object_not_found */
  read(path: string): Promise<Uint8Array>;
  /** Bytes [begin, end); shorter at the end of the file. @throws object_not_found */
  readRange(path: string, begin: number, end: number): Promise<Uint8Array>;
  /**
   * Fills the parts, one after the other, with the bytes from `begin` on; they may lie in memory that threads share. Until the promise settles
   * they may be written to at any time. @returns how many bytes were read, fewer where the file ends. @throws object_not_found
   */
  readInto(path: string, begin: number, parts: readonly Uint8Array[]): Promise<number>;
  /** Size in bytes, or undefined when there is no such file. */
  size(path: string): Promise<number | undefined>;
  /**
   * Opens a file that somebody outside named, for reading: undefined when there is none.
   * @param options `below`: the folder that it must lie in once links are resolved
   * @throws invalid_parameter a link leads out of the folder, or it is no plain file
   */
  openRead(path: string, options: { readonly below: string }): Promise<ReadFile | undefined>;
  /** Names of files (not folders) below a folder, recursively, as full paths, sorted. Missing folder: empty. */
  list(folder: string): Promise<readonly string[]>;
  /**
   * Replaces the file atomically and durably: temporary file, fsync, rename, fsync of the folder. Parts are asked for as they are
   * written, some megabytes at a time: the next while one is being written, so the memory of a part may be used again for the one after the next.
   */
  write(path: string, parts: Iterable<Uint8Array>): Promise<void>;
  /** Removes durably; a missing file is success. @param within folders below it that are empty then go, too; not given: folders stay */
  remove(path: string, within?: string): Promise<void>;
  /**
   * Opens for appending at the file's end, creating file and folders (durably) when missing.
   * @param guard path of a file that stands for the right to write. An append resolves only if it is still there once the bytes are
   *   durable, else it rejects with wal_fenced: whoever removes the guard first and reads the file then finds all that was acknowledged.
   */
  openAppend(path: string, guard?: string): Promise<AppendFile>;
  /** Cuts the file to `size` bytes, durably. */
  truncate(path: string, size: number): Promise<void>;
}

/** One reader's handle: all reads are of the file that was opened, whatever its name means by then. */
export interface ReadFile {
  /** In bytes, when it was opened. */
  readonly size: number;
  /** Bytes [begin, end); shorter at the end of the file. @param into memory that may be used for them, when it is large enough */
  read(begin: number, end: number, into?: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** One writer's handle. After a failed append every later call rejects: the caller must reopen and read back what is there. */
export interface AppendFile {
  readonly size: number;
  /**
   * Appends the parts in order and resolves when they are durable (write, then fdatasync, off the main thread). Calls queue in order.
   * @param parts of which those in memory that threads share stay as they are until it settles; others may change at once
   */
  append(parts: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
}

export const guardMissing = (path: string, guard: string): ElanusError =>
  new ElanusError(
    'wal_fenced',
    `append to ${JSON.stringify(path)}: ${JSON.stringify(guard)} is gone: a newer owner took over; refresh the channel's assignment`,
  );

/** How others packed what they wrote. A block comes with the number of bytes that it becomes; nothing beyond that is ever made. */
export type BlockCodec = 'gzip' | 'zstd' | 'brotli';

export interface Decompression {
  /** @throws Error damaged, or of another length. unsupported: this platform does not know the codec */
  block(codec: BlockCodec, packed: Uint8Array, bytes: number): Uint8Array;
  /**
   * The bytes of a stream as they come out, some hundred KiB at a time. Nothing is read ahead of what is asked for beyond a few slices.
   * @throws Error damaged, or ends early
   */
  stream(codec: 'gzip' | 'zstd', packed: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}
