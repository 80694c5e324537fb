// Appends of a database that hardly writes take no thread, which costs 45 ms of processor time and 10 MB: the calls of the file system do not block
// either. From some appends on a thread comes up, and takes over between two batches, so that the bytes of a file stay in their order.
import { AppendTasks } from './append-tasks.js';
import { type Appends, AppendThread, appendFailed } from './append-thread.js';
import type { AppendTarget } from './append-worker.js';

/** From either on the thread is worth it. A start appends a header to the log of each channel that is used. */
const APPENDS_MAX = 32;
const BYTES_MAX = 64 * 1024;

type LaterThread = Pick<AppendThread, 'check' | 'begin' | 'send' | 'close'>;

export interface AppendsByNeedOptions {
  readonly thread?: LaterThread;
  readonly appendsMax?: number;
}

/**
 *     tasks ──enough appends──▶ changing ──the thread is up, the batch of tasks ended──▶ thread
 *
 * Tasks append while it changes; for good, where no thread comes up.
 */
type Way = 'tasks' | 'changing' | 'thread';

export class AppendsByNeed implements Appends {
  readonly #tasks = new AppendTasks();
  readonly #thread: LaterThread;
  readonly #appendsMax: number;
  #way: Way = 'tasks';
  #appends = 0;
  #bytes = 0;
  #isClosed = false;

  constructor({ thread = new AppendThread(), appendsMax = APPENDS_MAX }: AppendsByNeedOptions = {}) {
    this.#thread = thread;
    this.#appendsMax = appendsMax;
  }

  check(): void {
    this.#thread.check();
  }

  send(target: AppendTarget, parts: readonly Uint8Array[]): Promise<void> {
    if (this.#way === 'thread') return this.#sendToThread(target, parts);
    this.#appends++;
    for (const { length } of parts) this.#bytes += length;
    const isEnough = this.#appends > this.#appendsMax || this.#bytes > BYTES_MAX;
    if (this.#way === 'tasks' && isEnough && !this.#isClosed) void this.#change();
    return this.#tasks.send(target, parts);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#tasks.close(), this.#thread.close()]);
  }

  /** A file that failed once stays failed, whoever appended to it then. */
  #sendToThread(target: AppendTarget, parts: readonly Uint8Array[]): Promise<void> {
    const problem = this.#tasks.problemOf(target);
    return problem === undefined ? this.#thread.send(target, parts) : Promise.reject(appendFailed(problem));
  }

  async #change(): Promise<void> {
    this.#way = 'changing';
    try {
      await this.#thread.begin();
    } catch {
      return; // Its script is gone since. Tasks keep every promise, and are only slower.
    }
    await this.#tasks.stop();
    // Both in this turn: what came before it is taken, what comes after it comes behind that.
    this.#way = 'thread';
    for (const { target, bytes, settled } of this.#tasks.take())
      this.#sendToThread(target, [bytes]).then(settled.resolve, settled.reject);
  }
}
