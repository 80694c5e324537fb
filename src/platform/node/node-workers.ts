// Compute threads. Started when first needed, one task at a time each, first come first served. A region's memory travels to a
// thread once; afterwards its number is enough, so a thread sees one stable Memory object per region.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { assert, must } from '#base/assert.js';
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError, type ErrorKey, errorSpecs } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import { SCRATCH_THREADS_MAX } from '#index/block/region-layout.js';
import { workerTasks } from '#index/worker-tasks.js';
import { allocateMemory } from '#platform/wasm-memory.js';
import type { SharedRegion, Workers, WorkerTask } from '#platform/workers.js';
import { DroppedMemory } from './dropped-memory.js';
import { nodeTimers } from './node-time.js';
import { scriptUrl } from './script-url.js';
import { threadOptions } from './thread-options.js';
import type { FromWorker, ToWorker, WorkerSetup } from './worker-entry.js';

interface Job {
  readonly id: number;
  readonly task: string;
  readonly input: unknown;
  readonly regions: readonly SharedRegion[];
  readonly result: Deferred<unknown>;
}

interface Thread {
  readonly number: number;
  readonly worker: Worker;
  readonly known: Set<number>;
  /** It runs: until then it can hardly be interrupted, and has nothing of ours. */
  isUp: boolean;
  job: Job | undefined;
}

export interface NodeWorkersOptions {
  /** Module that exports `workerTasks`; the product's own when not given. */
  readonly registry?: URL;
  /** The same tasks for the calling thread. Not given beside a registry: none runs there. */
  readonly tasks?: Readonly<Record<string, WorkerTask>>;
  readonly parallelism?: number;
}

/** A task that takes no longer runs on the calling thread: its answer would come about 70 microseconds later from another (docs/performance.md). */
const HERE_MICROS_MAX = 120;
/**
 * A task that takes no longer runs here, however many came before it in the turn: where cores are busy, the thread that is woken takes this
 * one's, and handing over costs more than the 50 microseconds that it takes on an idle machine.
 */
const HAND_OVER_MICROS = 80;
/** The most that runs here between two looks at the network; what is beyond goes to the threads. */
const TURN_MICROS_MAX = 2000;

export class NodeWorkers implements Workers {
  readonly parallelism: number;
  readonly #registry: URL;
  readonly #tasks: Readonly<Record<string, WorkerTask>>;
  #turnMicros = 0;
  /** One task waits for the next turn. */
  #isWaited = false;
  readonly #threads = new Map<number, Thread>();
  readonly #queue: Job[] = [];
  /** Jobs, waiting or running, per live region; a released region is forgotten after its last one. */
  readonly #regions = new Map<number, { users: number; released: boolean }>();
  readonly #dropped = new DroppedMemory(nodeTimers);
  #nextRegion = 1;
  #nextJob = 1;
  #closed = false;

  constructor(options: NodeWorkersOptions = {}) {
    // One more has memory of its own in each region: the calling thread.
    this.parallelism = Math.min(
      options.parallelism ?? Math.max(1, Math.min(availableParallelism(), 8)),
      SCRATCH_THREADS_MAX - 1,
    );
    this.#tasks = options.tasks ?? (options.registry === undefined ? workerTasks : {});
    this.#registry = options.registry ?? scriptUrl(import.meta.url, '../../index/thread-tasks.js');
  }

  /** Starts one thread before there is anything for it: the first task would wait 80 ms and more. */
  begin(): void {
    if (!this.#closed && this.#threads.size === 0) this.#start();
  }

  allocate(bytes: number, bytesMax: number): SharedRegion {
    const region: SharedRegion = { id: this.#nextRegion++, memory: allocateMemory(bytes, bytesMax) };
    this.#regions.set(region.id, { users: 0, released: false });
    return region;
  }

  release(region: SharedRegion): void {
    const state = this.#regions.get(region.id);
    if (state === undefined) return;
    state.released = true;
    this.#dropped.note(region.memory.buffer.byteLength);
    this.#forget(region.id);
  }

  run<Output>(
    task: string,
    input: unknown,
    regions: readonly SharedRegion[],
    signal?: AbortSignal,
    micros?: number,
  ): Promise<Output> {
    if (this.#closed)
      return Promise.reject(
        new ElanusError(
          'service_unavailable',
          `task ${task}: the workers are closed: open the database again`,
        ),
      );
    if (signal?.aborted) return Promise.reject(cancelled(task));
    for (const region of regions) {
      const state = this.#regions.get(region.id);
      if (state === undefined || state.released)
        assert(false, `task ${task} uses released region ${region.id}`);
    }
    if (micros !== undefined && Object.hasOwn(this.#tasks, task)) {
      if (this.#isShort(micros)) return this.#runHere(task, input, regions);
      if (micros <= HAND_OVER_MICROS && !this.#isWaited)
        return this.#runNextTurn(task, input, regions, micros, signal);
    }
    for (const { id } of regions) must(this.#regions.get(id), 'region').users++;
    const job: Job = { id: this.#nextJob++, task, input, regions, result: deferred<unknown>() };
    const stop = (): void => {
      const at = this.#queue.indexOf(job);
      if (at < 0) return; // Already running: it ends by itself.
      this.#queue.splice(at, 1);
      this.#finish(job);
      job.result.reject(cancelled(task));
    };
    const forget = signal === undefined ? undefined : onAbort(signal, stop);
    this.#queue.push(job);
    this.#dispatch();
    const result = job.result.promise as Promise<Output>;
    return forget === undefined ? result : result.finally(forget);
  }

  #isShort(micros: number): boolean {
    const turn = this.#turnMicros + micros;
    // Where others came in the same turn, the threads work beside this one.
    if (turn > TURN_MICROS_MAX || (turn > HERE_MICROS_MAX && micros > HAND_OVER_MICROS)) return false;
    if (this.#turnMicros === 0) setImmediate(this.#beginTurn);
    this.#turnMicros += Math.max(1, micros);
    return true;
  }

  readonly #beginTurn = (): void => {
    this.#turnMicros = 0;
  };

  async #runHere<Output>(task: string, input: unknown, regions: readonly SharedRegion[]): Promise<Output> {
    // Input is checked by the task's own callers; the registry has one type for all.
    const context = { memories: regions.map(({ memory }) => memory), thread: this.parallelism };
    return this.#tasks[task]?.(input as never, context) as Output;
  }

  /**
   * The first that comes when this thread has done enough in a turn: in the next one it begins sooner than on a thread that has to be woken, and
   * one caller that asks again and again has no others beside it. Those that come behind it go to the threads.
   */
  async #runNextTurn<Output>(
    task: string,
    input: unknown,
    regions: readonly SharedRegion[],
    micros: number,
    signal: AbortSignal | undefined,
  ): Promise<Output> {
    for (const { id } of regions) must(this.#regions.get(id), 'region').users++;
    this.#isWaited = true;
    try {
      await nodeTimers.yield();
      this.#isWaited = false;
      if (this.#closed) throw gone();
      if (signal?.aborted) throw cancelled(task);
      this.#isShort(micros); // Counted, whatever came before it in this turn.
      return await this.#runHere(task, input, regions);
    } finally {
      this.#letGo(regions);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#queue.splice(0)) job.result.reject(gone());
    const threads = [...this.#threads.values()];
    this.#threads.clear();
    for (const thread of threads) thread.job?.result.reject(gone());
    const ended = threads.map(({ worker, isUp }) => ({ isUp, end: worker.terminate() }));
    // One that is still coming up ends when it is up; nobody has to wait for that.
    await Promise.all(ended.map(({ isUp, end }) => (isUp ? end : undefined)));
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const thread = this.#idle() ?? this.#start();
      if (thread === undefined) return;
      const job = this.#queue.shift();
      if (job === undefined) return;
      const fresh = job.regions.filter((region) => !thread.known.has(region.id));
      const message: ToWorker = {
        kind: 'run',
        id: job.id,
        task: job.task,
        input: withoutRest(job.input),
        regions: job.regions.map((region) => region.id),
        fresh,
      };
      try {
        thread.worker.postMessage(message);
      } catch (error) {
        // Input that cannot be cloned: the caller's mistake, the thread is fine.
        this.#finish(job);
        job.result.reject(error);
        continue;
      }
      for (const region of fresh) thread.known.add(region.id);
      thread.job = job;
      thread.worker.ref(); // Idle threads never keep the process, running tasks do.
    }
  }

  #idle(): Thread | undefined {
    for (const thread of this.#threads.values()) if (thread.job === undefined) return thread;
    return undefined;
  }

  #start(): Thread | undefined {
    if (this.#threads.size >= this.parallelism) return undefined;
    let number = 0;
    while (this.#threads.has(number)) number++;
    const setup: WorkerSetup = { registry: this.#registry.href, thread: number };
    const worker = new Worker(scriptUrl(import.meta.url, './worker-entry.js'), {
      ...threadOptions(`compute-${number}`),
      workerData: setup,
    });
    const thread: Thread = { number, worker, known: new Set(), isUp: false, job: undefined };
    worker.once('online', () => {
      thread.isUp = true;
    });
    worker.on('message', (message: FromWorker) => this.#settle(thread, message));
    worker.on('messageerror', (error) => this.#lost(thread, error.message));
    worker.on('error', (error) => this.#lost(thread, error.message));
    worker.on('exit', (code) => this.#lost(thread, `exit code ${code}`));
    worker.unref(); // Behind the listener for messages, which would hold the process again.
    this.#threads.set(number, thread);
    return thread;
  }

  #settle(thread: Thread, message: FromWorker): void {
    const job = thread.job;
    if (job === undefined || job.id !== message.id) return;
    thread.job = undefined;
    thread.worker.unref();
    this.#finish(job);
    if ('error' in message) job.result.reject(rebuild(message.error));
    else job.result.resolve(message.output);
    this.#dispatch();
  }

  #lost(thread: Thread, reason: string): void {
    if (this.#threads.get(thread.number) !== thread) return;
    this.#threads.delete(thread.number); // The next task that finds no idle thread starts another.
    void thread.worker.terminate();
    const job = thread.job;
    thread.job = undefined;
    if (job !== undefined) {
      this.#finish(job);
      job.result.reject(
        new ElanusError(
          'internal',
          `task ${job.task}: its thread ended (${reason}); a new thread takes over: retry`,
        ),
      );
    }
    this.#dispatch();
  }

  #finish({ regions }: Job): void {
    this.#letGo(regions);
  }

  #letGo(regions: readonly SharedRegion[]): void {
    for (const region of regions) {
      const state = this.#regions.get(region.id);
      if (state === undefined) continue;
      state.users--;
      this.#forget(region.id);
    }
  }

  #forget(id: number): void {
    const state = this.#regions.get(id);
    if (state === undefined || !state.released || state.users > 0) return;
    this.#regions.delete(id);
    const message: ToWorker = { kind: 'release', id };
    for (const thread of this.#threads.values())
      if (thread.known.delete(id)) thread.worker.postMessage(message);
  }
}

/** The input of a task with arrays in memory of their own: a view of a larger buffer would take all of that along to the thread. */
function withoutRest(input: unknown): unknown {
  if (typeof input !== 'object' || input === null) return input;
  let own: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(input)) {
    if (!(value instanceof Uint8Array || value instanceof Float32Array || value instanceof Uint32Array))
      continue;
    if (!(value.buffer instanceof ArrayBuffer) || value.byteLength === value.buffer.byteLength) continue;
    own ??= { ...input };
    // Not `slice` of bytes, which is a view again where they are a Buffer.
    own[name] = value instanceof Uint8Array ? new Uint8Array(value) : value.slice();
  }
  return own ?? input;
}

const gone = (): ElanusError =>
  new ElanusError('service_unavailable', 'the workers were closed: open the database again');

const cancelled = (task: string): ElanusError =>
  new ElanusError('cancelled', `task ${task}: cancelled before it started`);

function rebuild(error: { readonly message: string; readonly key?: string; readonly stack?: string }): Error {
  const known = error.key !== undefined && Object.hasOwn(errorSpecs, error.key);
  const result = known ? new ElanusError(error.key as ErrorKey, error.message) : new Error(error.message);
  if (error.stack !== undefined) result.stack = error.stack;
  return result;
}
