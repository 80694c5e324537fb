// Appends without a thread of their own, for runtimes whose threads cannot use each other's descriptors (Deno): the calls of the file system
// do not block there either. The promises are those of the append thread: all that waits when a batch begins shares one fdatasync per file.
import { access, fdatasync, writev } from 'node:fs';
import { promisify } from 'node:util';
import { type Deferred, deferred } from '#base/async.js';
import { messageOf } from '#base/errors.js';
import { guardMissing } from '#platform/files.js';
import { type Appends, appendFailed } from './append-thread.js';
import type { AppendTarget } from './append-worker.js';

const [accessFile, syncFile, writeBuffers] = [promisify(access), promisify(fdatasync), promisify(writev)];
/** A system call takes no more. */
const BUFFERS_MAX = 1024;

export interface WaitingAppend {
  readonly target: AppendTarget;
  readonly bytes: Uint8Array;
  readonly settled: Deferred<void>;
}

export class AppendTasks implements Appends {
  // A file that failed once stays failed: after a lost fsync the kernel may report success for pages it has dropped.
  readonly #broken = new Map<number, string>();
  #waiting: WaitingAppend[] = [];
  /** At most one batch is under way, so the bytes of a file are written in the order of its appends. */
  #running: Promise<void> | undefined;
  #isClosed = false;
  #isStopped = false;

  send(target: AppendTarget, parts: readonly Uint8Array[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(appendFailed('the files were closed'));
    // A copy: the caller may use its parts again at once.
    const append = { target, bytes: Buffer.concat(parts), settled: deferred<void>() };
    this.#waiting.push(append);
    if (!this.#isStopped) this.#running ??= this.#run();
    return append.settled.promise;
  }

  /** What is under way is written to its end: it cannot be stopped. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { settled } of this.#waiting.splice(0)) settled.reject(appendFailed('the files were closed'));
    await this.#running;
  }

  /** Ends the batch that is under way, and begins none any more: whoever stops it takes what waits, and what comes until then. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** After it stopped: what waits, in its order. It is the caller's from now on, and so is all that comes later. */
  take(): readonly WaitingAppend[] {
    return this.#waiting.splice(0);
  }

  /** Why nothing is appended to a file any more; undefined: it was never in trouble. */
  problemOf({ file }: AppendTarget): string | undefined {
    return this.#broken.get(file);
  }

  async #run(): Promise<void> {
    // The turn ends first, so that the appends of one turn are one batch. Nothing is awaited between the last look and the end.
    await Promise.resolve();
    while (this.#waiting.length > 0 && !this.#isStopped) {
      const batch = this.#waiting;
      this.#waiting = [];
      await Promise.all([...byFile(batch).values()].map((appends) => this.#commit(appends)));
    }
    this.#running = undefined;
  }

  /** Appends of one file; all have the same target. */
  async #commit(appends: readonly WaitingAppend[]): Promise<void> {
    const [first] = appends;
    if (first === undefined) return;
    const { file, fd, name, guard } = first.target;
    if (!this.#broken.has(file)) {
      try {
        await writeAll(
          fd,
          appends.map(({ bytes }) => bytes),
        );
        await syncFile(fd);
      } catch (error) {
        this.#broken.set(file, messageOf(error));
      }
    }
    const problem = this.#broken.get(file);
    // Looked at after the sync: a newer owner removes the guard before it reads, so it has read what was durable while the guard stood.
    const isFenced = problem === undefined && guard !== undefined && !(await isThere(guard));
    for (const { settled } of appends) {
      if (problem !== undefined) settled.reject(appendFailed(problem));
      else if (isFenced) settled.reject(guardMissing(name, guard));
      else settled.resolve();
    }
  }
}

function byFile(batch: readonly WaitingAppend[]): ReadonlyMap<number, readonly WaitingAppend[]> {
  const files = new Map<number, WaitingAppend[]>();
  for (const append of batch) {
    const list = files.get(append.target.file);
    if (list === undefined) files.set(append.target.file, [append]);
    else list.push(append);
  }
  return files;
}

async function writeAll(fd: number, buffers: readonly Uint8Array[]): Promise<void> {
  let rest = buffers.filter(({ length }) => length > 0);
  while (rest.length > 0) {
    let { bytesWritten } = await writeBuffers(fd, rest.slice(0, BUFFERS_MAX));
    let whole = 0;
    for (const { length } of rest) {
      if (length > bytesWritten) break;
      bytesWritten -= length;
      whole++;
    }
    rest = rest.slice(whole);
    const [next] = rest;
    if (next !== undefined && bytesWritten > 0) rest[0] = next.subarray(bytesWritten);
  }
}

const isThere = (file: string): Promise<boolean> =>
  accessFile(file).then(
    () => true,
    () => false,
  );
