// Files on disk below a root folder. Every change is on the disk when its promise resolves: contents by fsync before the rename,
// names by fsync of the folder, new folders by fsync of each parent.

import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { bytesView } from '#base/bytes.js';
import { ElanusError, messageOf } from '#base/errors.js';
import type { AppendFile, Files, ReadFile } from '#platform/files.js';
import { checkFilePath, fileMissing, spread } from '#platform/path-check.js';
import { AppendTasks } from './append-tasks.js';
import { type Appends, NodeAppendFile } from './append-thread.js';
import { AppendsByNeed } from './appends-by-need.js';
import { openConfined } from './confined-open.js';
import { Folders, isMissing, syncFolder, syncRemoval } from './folders.js';
import { ReadHandles } from './read-handles.js';

/** Largest number of open handles of files that are read in ranges. */
const READ_HANDLES_MAX = 64;
const UNASKED_BYTES_MAX = 1 << 16;
/** Parts that are written at a time; a system call takes 1,024. */
const WRITE_BYTES = 4 << 20;
const WRITE_PARTS = 1024;
/** A part of so many bytes is not copied. */
const LONG_PART_BYTES = 64 << 10;
/** Parts that are read at a time; a system call takes 1,024. */
const READ_PARTS = 1024;
const temporary = '.tmp-'; // A crash may leave such a file; lists never show it, and the next opening removes it.

export class NodeFiles implements Files {
  readonly #root: string;
  readonly #appends: Appends;
  readonly #reads = new ReadHandles(READ_HANDLES_MAX);
  readonly #folders: Folders;
  #nextTemporary = 1;
  /** Begins the temporary files of this opening: what begins otherwise is of one that died. */
  readonly #staging = `${temporary}${process.pid}-${Date.now().toString(36)}-`;
  #isClosed = false;
  /** Calls under way. The folder is another's once it is unlocked: none may outlive `close`. */
  readonly #running = new Set<Promise<unknown>>();

  /** @param appends how bytes reach the end of a file; not given: as this runtime can */
  constructor(root: string, appends?: Appends) {
    this.#root = path.resolve(root);
    this.#folders = new Folders(this.#root);
    this.#appends =
      appends ?? (process.versions.deno === undefined ? new AppendsByNeed() : new AppendTasks());
  }

  /** @throws internal when a file of ours is missing without which nothing can be appended */
  check(): void {
    this.#appends.check?.();
  }

  read(file: string): Promise<Uint8Array> {
    return this.#io('read', file, async (full) => plain(await fs.readFile(full)));
  }

  readRange(file: string, begin: number, end: number): Promise<Uint8Array> {
    return this.#io('read', file, (full) =>
      this.#reads.read(full, async (handle) => {
        const from = Math.max(begin, 0);
        // Only a long range may end far behind the file: a short one is asked for at once.
        const last = end - from > UNASKED_BYTES_MAX ? Math.min(end, (await handle.stat()).size) : end;
        return readHandle(handle, from, last);
      }),
    );
  }

  readInto(file: string, begin: number, parts: readonly Uint8Array[]): Promise<number> {
    return this.#io('read', file, (full) =>
      this.#reads.read(full, (handle) => readHandleInto(handle, begin, parts)),
    );
  }

  async openRead(file: string, options: { readonly below: string }): Promise<ReadFile | undefined> {
    checkFilePath(options.below);
    return this.#io('open', file, async (full) => {
      let handle: fs.FileHandle;
      try {
        handle = await openConfined(path.join(this.#root, options.below), full);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
      try {
        const { size } = await handle.stat();
        return {
          size,
          read: (begin, end, into) =>
            this.#io('read', file, () => readHandle(handle, Math.max(begin, 0), Math.min(end, size), into)),
          close: () => handle.close(),
        };
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  size(file: string): Promise<number | undefined> {
    return this.#io('stat', file, async (full) => {
      try {
        const stat = await fs.stat(full);
        return stat.isFile() ? stat.size : undefined;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async list(folder: string): Promise<readonly string[]> {
    if (folder !== '') checkFilePath(folder);
    const found: string[] = [];
    const walk = async (name: string): Promise<void> => {
      let entries: import('node:fs').Dirent[];
      try {
        entries = await fs.readdir(path.join(this.#root, name), { withFileTypes: true });
      } catch (error) {
        if (isMissing(error)) return;
        throw new ElanusError(
          'io_failed',
          `list ${JSON.stringify(name)}: ${messageOf(error)}: check the disk and permissions`,
          {
            cause: error,
          },
        );
      }
      for (const entry of entries) {
        const child = name === '' ? entry.name : `${name}/${entry.name}`;
        if (entry.isDirectory()) await walk(child);
        else if (entry.isFile() && !entry.name.startsWith(temporary)) found.push(child);
      }
    };
    await walk(folder);
    return found.sort();
  }

  write(file: string, parts: Iterable<Uint8Array>): Promise<void> {
    return this.#io('write', file, async (full) => {
      const folder = path.dirname(full);
      const staged = path.join(folder, `${this.#staging}${this.#nextTemporary++}`);
      const handle = await this.#folders.open(folder, () => fs.open(staged, 'w'));
      try {
        try {
          await writeParts(handle, parts);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await this.#reads.forget(full);
        await fs.rename(staged, full);
        await this.#reads.forget(full);
      } catch (error) {
        await fs.rm(staged, { force: true }).catch(() => {});
        throw error;
      }
      await syncFolder(folder);
    });
  }

  remove(file: string, within?: string): Promise<void> {
    if (within !== undefined) checkFilePath(within);
    return this.#io('remove', file, async (full) => {
      await this.#reads.forget(full);
      try {
        await fs.unlink(full);
      } catch (error) {
        if (isMissing(error)) return;
        throw error;
      }
      const folder = path.dirname(full);
      await syncRemoval(folder);
      if (within !== undefined) await this.#folders.prune(folder, path.join(this.#root, within));
    });
  }

  openAppend(file: string, guard?: string): Promise<AppendFile> {
    return this.#io('open', file, async (full) => {
      if (guard !== undefined) checkFilePath(guard);
      const folder = path.dirname(full);
      const handle = await this.#folders.open(folder, () => fs.open(full, 'a'));
      try {
        const { size } = await handle.stat();
        if (size === 0) {
          await handle.sync();
          await syncFolder(folder);
        }
        return new NodeAppendFile(
          handle,
          size,
          this.#appends,
          file,
          guard === undefined ? undefined : path.join(this.#root, guard),
        );
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  truncate(file: string, size: number): Promise<void> {
    return this.#io('truncate', file, async (full) => {
      const handle = await fs.open(full, 'r+');
      try {
        await handle.truncate(size);
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  /**
   * Removes the temporary files that crashes left below a folder. Only while no one else writes below the root: under its lock.
   * What cannot be removed stays for the next time.
   */
  async removeLeftovers(folder: string): Promise<void> {
    const running = this.#removeLeftovers(folder);
    this.#running.add(running);
    await running.finally(() => this.#running.delete(running));
  }

  async #removeLeftovers(folder: string): Promise<void> {
    const entries = await fs.readdir(path.join(this.#root, folder), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (this.#isClosed) return;
      const child = `${folder}/${entry.name}`;
      if (entry.isDirectory()) await this.#removeLeftovers(child);
      else if (entry.name.startsWith(temporary) && !entry.name.startsWith(this.#staging))
        await fs.rm(path.join(this.#root, child), { force: true }).catch(() => {});
    }
  }

  /** Waits for the calls under way and ends the append thread; calls and open append handles fail from then on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#appends.close();
    await Promise.all([...this.#running].map((one) => one.catch(() => {})));
    await this.#reads.close();
  }

  async #io<T>(verb: string, file: string, run: (full: string) => Promise<T>): Promise<T> {
    checkFilePath(file);
    if (this.#isClosed)
      throw new ElanusError(
        'service_unavailable',
        `${verb} ${JSON.stringify(file)}: the database is closed: open it again`,
      );
    const running = run(path.join(this.#root, file));
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      if (error instanceof ElanusError) throw error;
      if (isMissing(error)) throw fileMissing(file);
      throw new ElanusError(
        'io_failed',
        `${verb} ${JSON.stringify(file)}: ${messageOf(error)}: check the disk, its space and permissions`,
        {
          cause: error,
        },
      );
    } finally {
      this.#running.delete(running);
    }
  }
}

const plain = (buffer: Buffer): Uint8Array => bytesView(buffer);

/** Short parts are copied and go together; a long one is written while the next is made. */
async function writeParts(handle: fs.FileHandle, parts: Iterable<Uint8Array>): Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  let batch: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (const part of parts) {
      const isLong = part.length >= LONG_PART_BYTES;
      if (part.length > 0) batch.push(isLong ? part : part.slice());
      bytes += part.length;
      // Before the next part is asked for, which may be made where the one lies that is being written.
      await writing;
      if (!isLong && bytes < WRITE_BYTES && batch.length < WRITE_PARTS) continue;
      writing = writeAll(handle, batch);
      writing.catch(() => {}); // Whoever waits for it in its turn gets the error.
      batch = [];
      bytes = 0;
    }
  } finally {
    // Also after a part that could not be made: the memory and the handle are somebody else's afterwards.
    await writing;
  }
  await writeAll(handle, batch);
}

async function writeAll(handle: fs.FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  let rest = [...parts];
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest);
    rest = behind(rest, bytesWritten);
  }
}

/** Deno and Bun are not known to read into memory that threads share. */
const readsIntoShared = process.versions.deno === undefined && process.versions.bun === undefined;

/** Fills the parts from `begin` on. @returns bytes that were read, fewer where the file ends */
async function readHandleInto(
  handle: fs.FileHandle,
  begin: number,
  parts: readonly Uint8Array[],
): Promise<number> {
  if (!readsIntoShared) {
    const wanted = parts.reduce((sum, part) => sum + part.length, 0);
    const bytes = await readHandle(handle, begin, begin + wanted);
    spread(bytes, parts);
    return bytes.length;
  }
  let total = 0;
  let rest = parts.filter((part) => part.length > 0);
  while (rest.length > 0) {
    const { bytesRead } = await handle.readv(rest.slice(0, READ_PARTS), begin + total);
    if (bytesRead === 0) break;
    total += bytesRead;
    rest = behind(rest, bytesRead);
  }
  return total;
}

/** What of the parts is left when so many bytes of them are done. */
function behind(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let done = bytes;
  let whole = 0;
  for (const part of parts) {
    if (part.length > done) break;
    done -= part.length;
    whole++;
  }
  const rest = parts.slice(whole);
  const first = rest[0];
  if (first !== undefined && done > 0) rest[0] = first.subarray(done);
  return rest;
}

/** Bytes [begin, end), shorter where the file ends. */
async function readHandle(
  handle: fs.FileHandle,
  begin: number,
  end: number,
  into?: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const length = Math.max(end - begin, 0);
  const bytes =
    into !== undefined && into.length >= length ? into.subarray(0, length) : new Uint8Array(length);
  let at = 0;
  while (at < bytes.length) {
    const { bytesRead } = await handle.read(bytes, at, bytes.length - at, begin + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at === bytes.length ? bytes : bytes.subarray(0, at);
}
