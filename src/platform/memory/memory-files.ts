// Files as byte arrays, each with what a disk would have kept: `crash` throws away everything that was not durable. Appends can be
// made to fail, whole or torn, to test what the log does then.
import { ElanusError } from '#base/errors.js';
import type { AppendFile, Files } from '../files.js';
import { checkFilePath, fileMissing } from '../path-check.js';

/** Asked before each append becomes durable. `fail`: rejects; `keptBytes` of it (0 if not given) still reach the disk. */
export type AppendFault = (path: string, bytes: number) => { readonly keptBytes?: number } | undefined;

interface Content {
  bytes: Uint8Array;
  /** Used length; `bytes` may be longer, so that appends cost their own length only. */
  length: number;
  /** Appends written but not yet durable, oldest first. */
  pending: Uint8Array[];
}

export class MemoryFiles implements Files {
  readonly #files = new Map<string, Content>();
  readonly #pause: () => Promise<void>;
  /** Rises at a crash: handles and calls of the time before must not touch what came after. */
  #life = 1;
  appendFault: AppendFault | undefined;

  /** @param pause awaited before a change becomes durable: the simulated disk's latency, and the window in which a crash loses it */
  constructor(pause: () => Promise<void> = () => Promise.resolve()) {
    this.#pause = pause;
  }
  /**
   * The process died: calls under way never take effect, open handles stop working. Durable content stays.
   * @param kept how many of the bytes that were being appended to a file reached the disk all the same: a torn tail; 0 when not given
   */
  crash(kept: (path: string, bytes: number) => number = () => 0): void {
    this.#life++;
    for (const [path, content] of this.#files) {
      const tail = join(content.pending);
      content.pending = [];
      if (tail.length > 0) extend(content, tail.subarray(0, kept(path, tail.length)));
    }
  }
  async read(path: string): Promise<Uint8Array> {
    const content = this.#content(path);
    return content.bytes.slice(0, content.length);
  }
  async readRange(path: string, begin: number, end: number): Promise<Uint8Array> {
    const content = this.#content(path);
    const from = Math.max(begin, 0);
    return content.bytes.slice(from, Math.max(from, Math.min(end, content.length)));
  }
  async size(path: string): Promise<number | undefined> {
    checkFilePath(path);
    return this.#files.get(path)?.length;
  }
  async list(folder: string): Promise<readonly string[]> {
    if (folder !== '') checkFilePath(folder);
    const prefix = folder === '' ? '' : `${folder}/`;
    return [...this.#files.keys()].filter((path) => path.startsWith(prefix)).sort();
  }
  async write(path: string, parts: Iterable<Uint8Array>): Promise<void> {
    checkFilePath(path);
    const bytes = join([...parts]);
    await this.#durable();
    this.#files.set(path, { bytes, length: bytes.length, pending: [] });
  }
  async remove(path: string): Promise<void> {
    checkFilePath(path);
    await this.#durable();
    this.#files.delete(path);
  }
  async truncate(path: string, size: number): Promise<void> {
    this.#content(path);
    await this.#durable();
    const content = this.#content(path);
    if (size > content.length) extend(content, new Uint8Array(size - content.length));
    content.length = size;
  }
  async openAppend(path: string): Promise<AppendFile> {
    checkFilePath(path);
    await this.#durable();
    const content = this.#files.get(path) ?? { bytes: new Uint8Array(0), length: 0, pending: [] };
    this.#files.set(path, content);
    const life = this.#life;
    let problem: ElanusError | undefined;
    let queue: Promise<void> = Promise.resolve();
    let size = content.length;
    const append = async (bytes: Uint8Array): Promise<void> => {
      if (problem !== undefined) throw problem;
      await this.#pause();
      if (life !== this.#life) problem = failed(path, 'the process crashed');
      else {
        content.pending.shift();
        const fault = this.appendFault?.(path, bytes.length);
        if (fault === undefined) {
          extend(content, bytes);
          size = content.length;
          return;
        }
        extend(content, bytes.subarray(0, fault.keptBytes ?? 0));
        content.pending = []; // What queued behind it is refused with it.
        problem = failed(path, 'injected fault');
      }
      throw problem;
    };
    return {
      get size() {
        return size;
      },
      append: (parts) => {
        const bytes = join(parts); // Copied now: the caller may reuse its buffers once the call returned.
        if (life === this.#life && problem === undefined) content.pending.push(bytes);
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
  async #durable(): Promise<void> {
    const life = this.#life;
    await this.#pause();
    if (life !== this.#life) throw new ElanusError('io_failed', 'file change lost: the simulated process crashed before it was durable');
  }
  #content(path: string): Content {
    checkFilePath(path);
    const content = this.#files.get(path);
    if (content === undefined) throw fileMissing(path);
    return content;
  }
}

const failed = (path: string, reason: string): ElanusError =>
  new ElanusError('wal_unavailable', `append to ${JSON.stringify(path)} failed: ${reason}: reopen the file and read back what is there`);

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
function extend(content: Content, more: Uint8Array): void {
  const length = content.length + more.length;
  if (length > content.bytes.length) {
    const grown = new Uint8Array(Math.max(length, content.bytes.length * 2));
    grown.set(content.bytes.subarray(0, content.length));
    content.bytes = grown;
  }
  content.bytes.set(more, content.length);
  content.length = length;
}
