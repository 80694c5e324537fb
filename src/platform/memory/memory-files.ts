// Files of a simulated disk, each with a page cache apart from it (cached-file.ts). A process that dies loses what it had not written
// yet; a loss of power also takes what was written and not synced. Every operation can be made to fail, or to be slow.
import { ElanusError } from '#base/errors.js';
import { type AppendFile, type Files, guardMissing, type ReadFile } from '#platform/files.js';
import { checkFilePath, fileMissing, spread } from '#platform/path-check.js';
import { CachedFile, PAGE_BYTES } from './cached-file.js';

/** `append` is the write into the page cache, `sync` what makes it durable; `rename` is the second half of `write`. */
export type DiskOperation =
  | 'read'
  | 'list'
  | 'open'
  | 'append'
  | 'sync'
  | 'write'
  | 'rename'
  | 'remove'
  | 'truncate';

export interface DiskFault {
  readonly code: 'EIO' | 'ENOSPC';
  /** For an append: bytes that reached the page cache although it failed; 0 when not given. */
  readonly keptBytes?: number;
  /** For a sync: what becomes of the pages, see CachedFile.failSync; `dirty` when not given. */
  readonly pages?: 'dirty' | 'forgotten' | 'zeroed';
}

/** Asked before each operation; a fault makes it fail. */
export type DiskFaultHook = (operation: DiskOperation, path: string, bytes: number) => DiskFault | undefined;
/** Asked before each append becomes durable. A fault rejects it; `keptBytes` of it (0 if not given) are on the disk all the same. */
export type AppendFault = (path: string, bytes: number) => { readonly keptBytes?: number } | undefined;
/** How many of the bytes that were being appended to a file reached the page cache before the process died. */
export type KeptBytes = (path: string, bytes: number) => number;
/** Whether an operation under way takes effect although its caller never gets the answer. */
export type Completes = (operation: DiskOperation, path: string) => boolean;

interface Entry {
  readonly file: CachedFile;
  /** Appends under way, oldest first. */
  pending: Uint8Array[];
}

interface Change {
  readonly operation: DiskOperation;
  readonly path: string;
  readonly apply: () => void;
}

const no = (): boolean => false;

export class MemoryFiles implements Files {
  readonly #files = new Map<string, Entry>();
  readonly #pause: () => Promise<void>;
  readonly #pageBytes: number;
  readonly #changes = new Set<Change>();
  /** Rises at a crash: handles and calls of the time before must not touch what came after. */
  #life = 1;
  appendFault: AppendFault | undefined;
  fault: DiskFaultHook | undefined;
  /** Awaited before a read answers; none when not set. */
  readPause: (() => Promise<void>) | undefined;

  /**
   * @param pause awaited before a change becomes durable: the simulated disk's latency, and the window in which a crash loses it
   * @param pageBytes the unit in which a power loss keeps or loses; small in tests that try every choice
   */
  constructor(pause: () => Promise<void> = () => Promise.resolve(), pageBytes = PAGE_BYTES) {
    this.#pause = pause;
    this.#pageBytes = pageBytes;
  }

  /** The process died: its handles and calls stop working. What it wrote stays, synced or not; nothing under way completes by default. */
  crash(kept: KeptBytes = () => 0, completes: Completes = no): void {
    this.#life++;
    for (const change of this.#changes) if (completes(change.operation, change.path)) change.apply();
    this.#changes.clear();
    for (const [path, entry] of this.#files) {
      const tail = join(entry.pending);
      entry.pending = [];
      if (tail.length > 0) entry.file.append(tail.subarray(0, kept(path, tail.length)));
    }
  }

  /** The machine lost power: a crash, and of what was written but not synced only the pages stay that `keepsPage` names. */
  losePower(keepsPage: (path: string, page: number) => boolean = no, completes: Completes = no): void {
    this.crash((_path, bytes) => bytes, completes);
    for (const [path, { file }] of this.#files) file.losePower((page) => keepsPage(path, page));
  }

  /** Changes what a file holds, as decay of the medium does. @throws object_not_found */
  damage(path: string, change: (bytes: Uint8Array) => void): void {
    this.#entry(path).file.damage(change);
  }

  async read(path: string): Promise<Uint8Array> {
    await this.#beforeRead('read', path);
    return this.#entry(path).file.read();
  }

  async readRange(path: string, begin: number, end: number): Promise<Uint8Array> {
    await this.#beforeRead('read', path);
    return this.#entry(path).file.read(begin, end);
  }

  async readInto(path: string, begin: number, parts: readonly Uint8Array[]): Promise<number> {
    await this.#beforeRead('read', path);
    const wanted = parts.reduce((sum, part) => sum + part.length, 0);
    const bytes = this.#entry(path).file.read(begin, begin + wanted);
    spread(bytes, parts);
    return bytes.length;
  }

  async size(path: string): Promise<number | undefined> {
    checkFilePath(path);
    return this.#files.get(path)?.file.length;
  }

  async openRead(path: string): Promise<ReadFile | undefined> {
    checkFilePath(path);
    await this.#beforeRead('open', path);
    const file = this.#files.get(path)?.file;
    if (file === undefined) return undefined;
    const bytes = file.read();
    return {
      size: bytes.length,
      read: async (begin, end) => {
        await this.#beforeRead('read', path);
        return bytes.slice(Math.max(begin, 0), Math.max(begin, end, 0));
      },
      close: async () => {},
    };
  }

  async list(folder: string): Promise<readonly string[]> {
    if (folder !== '') checkFilePath(folder);
    await this.#beforeRead('list', folder);
    const prefix = folder === '' ? '' : `${folder}/`;
    return [...this.#files.keys()].filter((path) => path.startsWith(prefix)).sort();
  }

  async write(path: string, parts: Iterable<Uint8Array>): Promise<void> {
    checkFilePath(path);
    // Taken as they come: whoever makes them may use their memory again.
    const bytes = join(Array.from(parts, (part) => part.slice()));
    this.#refuse('write', path, bytes.length);
    await this.#change('write', path, () => {
      this.#refuse('rename', path);
      this.#files.set(path, { file: new CachedFile(bytes, this.#pageBytes), pending: [] });
    });
  }

  async remove(path: string): Promise<void> {
    checkFilePath(path);
    this.#refuse('remove', path);
    await this.#change('remove', path, () => this.#files.delete(path));
  }

  async truncate(path: string, size: number): Promise<void> {
    this.#entry(path);
    this.#refuse('truncate', path);
    await this.#change('truncate', path, () => this.#entry(path).file.truncate(size));
  }

  async openAppend(path: string, guard?: string): Promise<AppendFile> {
    checkFilePath(path);
    if (guard !== undefined) checkFilePath(guard);
    this.#refuse('open', path);
    const find = (): Entry => {
      const found = this.#files.get(path) ?? {
        file: new CachedFile(undefined, this.#pageBytes),
        pending: [],
      };
      this.#files.set(path, found);
      return found;
    };
    await this.#change('open', path, find);
    return this.#appendFile(path, find(), guard);
  }

  #appendFile(path: string, entry: Entry, guard: string | undefined): AppendFile {
    const life = this.#life;
    let problem: ElanusError | undefined;
    let queue: Promise<void> = Promise.resolve();
    let size = entry.file.length;
    const append = async (bytes: Uint8Array): Promise<void> => {
      if (problem !== undefined) throw problem;
      await this.#pause();
      problem =
        life === this.#life
          ? this.#appendNow(path, entry, bytes, guard)
          : failed(path, 'the process crashed');
      if (problem !== undefined) throw problem;
      size = entry.file.length;
    };
    return {
      get size() {
        return size;
      },
      append: (parts) => {
        const bytes = join(parts); // Copied now: the caller may reuse its buffers once the call returned.
        if (life === this.#life && problem === undefined) entry.pending.push(bytes);
        const result = queue.then(() => append(bytes));
        queue = result.catch(() => {});
        return result;
      },
      close: async () => {
        await queue;
        problem ??= failed(path, 'the handle is closed');
      },
    };
  }

  /** Writes, syncs, looks at the guard. @returns why it failed: what queued behind it is refused with it. */
  #appendNow(
    path: string,
    entry: Entry,
    bytes: Uint8Array,
    guard: string | undefined,
  ): ElanusError | undefined {
    entry.pending.shift();
    const refusal = this.fault?.('append', path, bytes.length);
    if (refusal !== undefined) {
      entry.file.append(bytes.subarray(0, refusal.keptBytes ?? 0));
      entry.pending = [];
      return failed(path, refusal.code);
    }
    const torn = this.appendFault?.(path, bytes.length);
    entry.file.append(torn === undefined ? bytes : bytes.subarray(0, torn.keptBytes ?? 0));
    const unsynced = this.fault?.('sync', path, bytes.length);
    if (unsynced === undefined) entry.file.sync();
    else entry.file.failSync(unsynced.pages ?? 'dirty');
    if (torn === undefined && unsynced === undefined) {
      if (guard === undefined || this.#files.has(guard)) return undefined;
      entry.pending = [];
      return guardMissing(path, guard);
    }
    entry.pending = [];
    return failed(path, unsynced?.code ?? 'injected fault');
  }

  #refuse(operation: DiskOperation, path: string, bytes = 0): void {
    const fault = this.fault?.(operation, path, bytes);
    if (fault === undefined) return;
    throw new ElanusError(
      'io_failed',
      `${operation} ${JSON.stringify(path)}: ${fault.code}: check the disk and its space`,
    );
  }

  async #beforeRead(operation: DiskOperation, path: string): Promise<void> {
    await this.readPause?.();
    this.#refuse(operation, path);
  }

  async #change(operation: DiskOperation, path: string, apply: () => void): Promise<void> {
    const life = this.#life;
    const change: Change = { operation, path, apply };
    this.#changes.add(change);
    try {
      await this.#pause();
    } finally {
      this.#changes.delete(change);
    }
    if (life !== this.#life)
      throw new ElanusError(
        'io_failed',
        'file change lost: the simulated process crashed before it was durable',
      );
    apply();
  }

  #entry(path: string): Entry {
    checkFilePath(path);
    const entry = this.#files.get(path);
    if (entry === undefined) throw fileMissing(path);
    return entry;
  }
}

const failed = (path: string, reason: string): ElanusError =>
  new ElanusError(
    'wal_unavailable',
    `append to ${JSON.stringify(path)} failed: ${reason}: reopen the file and read back what is there`,
  );

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
