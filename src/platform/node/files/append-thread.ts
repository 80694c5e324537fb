// Main side of the append thread: hands the parts of an append over, copies of all that is not in shared memory, and settles it when its batch
// is durable.

import { existsSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Deferred, deferred } from '#base/async.js';
import { copyBytes } from '#base/bytes.js';
import { ElanusError } from '#base/errors.js';
import { isShared, SharedMemory } from '#base/shared-memory.js';
import { type AppendFile, guardMissing } from '#platform/files.js';
import { scriptUrl } from '#platform/node/script-url.js';
import { threadOptions } from '#platform/node/thread-options.js';
import type { AppendMessage, AppendReply, AppendTarget } from './append-worker.js';

/** Makes bytes durable behind a file's end. The appends of one file settle in their order; one that failed fails all later ones. */
export interface Appends {
  /** @throws internal when a file of ours is missing that it may need later */
  check?(): void;
  send(target: AppendTarget, parts: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
}

/** Parts from this size on are not copied when they lie in shared memory, and copies of this size lie there. */
const SHARED_BYTES_MIN = 64 * 1024;
const COPIES_BYTES_MAX = 8 * 1024 * 1024;

/** What the thread is asked to write, and the copies among it. */
interface Staged {
  readonly pieces: readonly Uint8Array[];
  readonly staging: Uint8Array | undefined;
}

interface WaitingAppend {
  readonly waiter: Deferred<void>;
  readonly staging: Uint8Array | undefined;
}

const appendScript = (): URL => scriptUrl(import.meta.url, './append-worker.js');

export class AppendThread implements Appends {
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, WaitingAppend>();
  readonly #memory = new SharedMemory(COPIES_BYTES_MAX);
  #nextId = 1;
  /** It was never asked to write. */
  #isIdle = true;

  /** Starts the thread before there is anything to append. @returns when it is up. @throws internal when its script is missing */
  begin(): Promise<void> {
    const up = deferred<void>();
    this.#start().once('online', () => up.resolve());
    return up.promise;
  }

  async send(target: AppendTarget, parts: readonly Uint8Array[]): Promise<void> {
    const worker = this.#start();
    const { pieces, staging } = this.#staged(parts);
    this.#isIdle = false;
    const message: AppendMessage = { ...target, id: this.#nextId++, pieces };
    const waiter = deferred<void>();
    if (this.#waiting.size === 0) worker.ref(); // A process must not end while an append is under way.
    this.#waiting.set(message.id, { waiter, staging });
    worker.postMessage(message, staging?.buffer instanceof ArrayBuffer ? [staging.buffer] : []);
    await waiter.promise;
  }

  /** Large parts in shared memory go as they are. What is between them is copied, as the caller may use it again at once. */
  #staged(parts: readonly Uint8Array[]): Staged {
    const goes = (part: Uint8Array): boolean => part.length >= SHARED_BYTES_MIN && isShared(part);
    let copied = 0;
    for (const part of parts) if (!goes(part)) copied += part.length;
    if (copied === 0) return { pieces: parts, staging: undefined };
    const shared = copied >= SHARED_BYTES_MIN ? this.#memory.take(copied) : undefined;
    const staging = shared ?? new Uint8Array(Buffer.allocUnsafeSlow(copied).buffer);
    const pieces: Uint8Array[] = [];
    let at = 0;
    let begin = 0;
    const flush = (): void => {
      if (at > begin) pieces.push(staging.subarray(begin, at));
      begin = at;
    };
    for (const part of parts) {
      if (goes(part)) {
        flush();
        pieces.push(part);
        continue;
      }
      copyBytes(part, 0, part.length, staging, at);
      at += part.length;
    }
    flush();
    return { pieces, staging };
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    const end = worker?.terminate();
    // One that comes up and was asked for nothing can hardly be interrupted, and has no file of ours.
    if (!this.#isIdle) await end;
    this.#fail('the files were closed');
  }

  check(): void {
    const script = appendScript();
    if (script.protocol === 'file:' && !existsSync(script))
      throw new ElanusError(
        'internal',
        `${fileURLToPath(script)} is missing, without which no log can be written; install the package again`,
      );
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    this.check(); // The log would be opened again and again for a thread that cannot come up.
    const worker = new Worker(appendScript(), {
      ...threadOptions('append'),
      // It makes little that is short-lived, and would keep what it is given for it.
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    worker.on('message', (reply: AppendReply) => this.#settle(reply));
    worker.on('error', (error) => this.#lost(worker, error.message));
    worker.on('exit', (code) => this.#lost(worker, `exit code ${code}`));
    worker.unref(); // Behind the listener for messages, which would hold the process again.
    this.#worker = worker;
    return worker;
  }

  #settle(reply: AppendReply): void {
    for (const id of reply.done) this.#take(id)?.resolve();
    for (const { id, message } of reply.failed) this.#take(id)?.reject(appendFailed(message));
    for (const { id, file, guard } of reply.fenced) this.#take(id)?.reject(guardMissing(file, guard));
    if (this.#waiting.size === 0) this.#worker?.unref();
  }

  #take(id: number): Deferred<void> | undefined {
    const append = this.#waiting.get(id);
    this.#waiting.delete(id);
    // The thread has written it, or does not look at it any more.
    if (append?.staging !== undefined) this.#memory.give(append.staging);
    return append?.waiter;
  }

  #lost(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#fail(`the append thread ended: ${reason}`);
  }

  #fail(reason: string): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { waiter } of waiting) waiter.reject(appendFailed(reason));
  }
}

export const appendFailed = (reason: string): ElanusError =>
  new ElanusError(
    'wal_unavailable',
    `append failed: ${reason}; nothing is known about its bytes: reopen the file and read back what is there`,
  );

let nextFile = 1;

export class NodeAppendFile implements AppendFile {
  readonly #handle: FileHandle;
  readonly #appends: Appends;
  readonly #target: AppendTarget;
  #size: number;
  #problem: ElanusError | undefined;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  /** @param guard full path of a file without which an append fails, see Files.openAppend */
  constructor(handle: FileHandle, size: number, appends: Appends, name: string, guard?: string) {
    this.#handle = handle;
    this.#size = size;
    this.#appends = appends;
    this.#target = { file: nextFile++, fd: handle.fd, name, ...(guard === undefined ? {} : { guard }) };
  }

  get size(): number {
    return this.#size;
  }

  append(parts: readonly Uint8Array[]): Promise<void> {
    if (this.#problem !== undefined) return Promise.reject(this.#problem);
    if (this.#closed) return Promise.reject(appendFailed('the handle is closed'));
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const result = this.#appends.send(this.#target, parts).then(
      () => {
        this.#size += bytes;
      },
      (error: ElanusError) => {
        this.#problem = error;
        throw error;
      },
    );
    this.#last = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last; // Replies come in order: the last one settled means no write uses the descriptor any more.
    await this.#handle.close();
  }
}
