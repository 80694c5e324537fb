// Folders below a root: made durably with the first file in them, and removed again when the last file in them went.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';

/** How often another process may remove a folder between its making and the file in it. */
const TRIES = 10;

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
export const isMissing = (error: unknown): boolean =>
  codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';

export class Folders {
  readonly #root: string;
  /** Their names are on the disk, and so are those above them. */
  readonly #durable = new Set<string>();
  /** Calls that are about to make a file in a folder, or below it. */
  readonly #makers = new Map<string, number>();
  readonly #removals = new Map<string, Promise<boolean>>();

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Opens a file in a folder, which is made when it is missing, durably. This process does not remove the folder meanwhile. Another one that
   * shares the root may, as long as the file is not there: then both are made again.
   */
  async open(folder: string, open: () => Promise<fs.FileHandle>): Promise<fs.FileHandle> {
    const chain = this.#chain(folder);
    for (;;) {
      const going = chain.map((one) => this.#removals.get(one)).find((removal) => removal !== undefined);
      if (going === undefined) break;
      await going;
    }
    for (const one of chain) this.#makers.set(one, (this.#makers.get(one) ?? 0) + 1);
    try {
      return await this.#open(folder, chain, open);
    } finally {
      for (const one of chain) {
        const others = (this.#makers.get(one) ?? 1) - 1;
        if (others === 0) this.#makers.delete(one);
        else this.#makers.set(one, others);
      }
    }
  }

  async #open(
    folder: string,
    chain: readonly string[],
    open: () => Promise<fs.FileHandle>,
  ): Promise<fs.FileHandle> {
    for (let tries = 1; ; tries++) {
      try {
        const first = this.#durable.has(folder) ? undefined : await fs.mkdir(folder, { recursive: true });
        const handle = await open();
        if (this.#durable.has(folder)) return handle;
        await this.#sync(folder, first).catch(async (error: unknown) => {
          await handle.close();
          throw error;
        });
        return handle;
      } catch (error) {
        if (!isMissing(error) || tries === TRIES) throw error;
        for (const one of chain) this.#durable.delete(one);
      }
    }
  }

  /** Removes the folder if it is empty, then those above it, up to `within`, which stays. A crash may bring empty ones back. */
  async prune(folder: string, within: string): Promise<void> {
    for (let at = folder; at.startsWith(within + path.sep); at = path.dirname(at)) {
      if (this.#makers.has(at) || this.#removals.has(at)) return;
      this.#durable.delete(at);
      const removal = fs.rmdir(at).then(
        () => true,
        (error: unknown) => isMissing(error), // Otherwise it is not empty, or not ours to remove.
      );
      this.#removals.set(at, removal);
      const isGone = await removal;
      this.#removals.delete(at);
      if (!isGone) return;
    }
  }

  /** The folder and those above it below the root. */
  #chain(folder: string): string[] {
    const chain: string[] = [];
    for (let at = folder; at.startsWith(this.#root + path.sep); at = path.dirname(at)) chain.push(at);
    return chain;
  }

  /** @param first the uppermost folder that was made for it */
  async #sync(folder: string, first: string | undefined): Promise<void> {
    // An unfinished earlier run may have made folders without syncing them, so parents up to the root are synced once per process. One that
    // was is synced for the name of the new folder in it, and its own name is durable, unless it was just made again.
    const stop = path.dirname(first !== undefined && first.length < this.#root.length ? first : this.#root);
    const synced: string[] = [];
    for (let at = folder; ; at = path.dirname(at)) {
      await syncFolder(at);
      const isNew = first !== undefined && at.length >= first.length;
      if (at === stop || at === path.dirname(at) || (this.#durable.has(at) && !isNew)) break;
      synced.push(at);
    }
    // Not before all of them are: who comes meanwhile syncs them, too.
    for (const one of synced) this.#durable.add(one);
  }
}

export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // Windows cannot open folders; NTFS journals names itself.
  try {
    const handle = await fs.open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (codeOf(error) !== 'EACCES' && codeOf(error) !== 'EPERM') throw error; // A parent outside our folder may be closed to us.
  }
}

/** That a name went from the folder is durable. A folder that is gone itself went from the one above it. */
export async function syncRemoval(folder: string): Promise<void> {
  for (let at = folder; ; at = path.dirname(at)) {
    try {
      return await syncFolder(at);
    } catch (error) {
      if (!isMissing(error) || at === path.dirname(at)) throw error;
    }
  }
}
