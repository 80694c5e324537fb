// Open files of range reads, kept for the next read of the same file: a disk index reads a page at a time, and opening would cost more
// than reading. How many are open is bounded; the one that was not read for the longest time is closed for the next.
import * as fs from 'node:fs/promises';

interface Entry {
  readonly handle: Promise<fs.FileHandle>;
  opened: fs.FileHandle | undefined;
  readers: number;
  isForgotten: boolean;
}

export class ReadHandles {
  readonly #countMax: number;
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();
  /** The newest of them. */
  #last: string | undefined;
  #isClosed = false;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** @throws what opening throws */
  async read<T>(path: string, run: (handle: fs.FileHandle) => Promise<T>): Promise<T> {
    const entry = this.#entries.get(path) ?? {
      handle: fs.open(path, 'r'),
      opened: undefined,
      readers: 0,
      isForgotten: false,
    };
    entry.readers++;
    if (this.#last !== path) {
      this.#entries.delete(path);
      this.#entries.set(path, entry);
      this.#last = path;
      this.#trim();
    }
    try {
      entry.opened ??= await entry.handle;
      return await run(entry.opened);
    } catch (error) {
      // One that could not be opened must be tried anew; a broken one as well.
      if (this.#entries.get(path) === entry) this.#forget(path, entry);
      throw error;
    } finally {
      entry.readers--;
      if (this.#isClosed && !entry.isForgotten) this.#forget(path, entry);
      if (entry.isForgotten) await closeIdle(entry);
      else if (this.#entries.size > this.#countMax) this.#trim();
    }
  }

  /** The name stands for another file from now on, or for none. Closed when running reads end. */
  async forget(path: string): Promise<void> {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    this.#forget(path, entry);
    await closeIdle(entry);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#entries.keys()].map((path) => this.forget(path)));
  }

  #trim(): void {
    for (const [path, entry] of this.#entries) {
      if (this.#entries.size <= this.#countMax) return;
      if (entry.readers > 0) continue;
      this.#forget(path, entry);
      void closeIdle(entry);
    }
  }

  #forget(path: string, entry: Entry): void {
    this.#entries.delete(path);
    if (this.#last === path) this.#last = undefined;
    entry.isForgotten = true;
  }
}

/** Closing has no outcome that a reader could use: it has its bytes. */
async function closeIdle(entry: Entry): Promise<void> {
  if (entry.readers > 0) return;
  await entry.handle.then((handle) => handle.close()).catch(() => {});
}
