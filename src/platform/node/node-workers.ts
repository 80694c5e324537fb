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
import { BATCH_MAX, type Batch, type ShortTask, ShortTasks } from './short-tasks.js';
import { threadOptions } from './thread-options.js';
import type { BatchAnswer, FromWorker, ToWorker, WorkerSetup } from './worker-entry.js';

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
  /** Short tasks that it was offered. */
  batch: Batch | undefined;
  /** Used for one batch after another: when it answers it has read the last one's. */
  readonly claims: Int32Array;
}

export interface NodeWorkersOptions {
  /** Module that exports `workerTasks`; the product's own when not given. */
  readonly registry?: URL;
  /** The same tasks for the calling thread. Not given beside a registry: none runs there. */
  readonly tasks?: Readonly<Record<string, WorkerTask>>;
  readonly parallelism?: number;
}

/** A task that takes longer goes to a thread: others would wait for it. */
const SHORT_MICROS_MAX = 120;

export class NodeWorkers implements Workers {
  readonly parallelism: number;
  readonly #registry: URL;
  readonly #tasks: Readonly<Record<string, WorkerTask>>;
  readonly #short = new ShortTasks({
    run: (task) => this.#runHere(task),
    offer: (tasks) => this.#offer(tasks),
  });
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
    const isShort = micros !== undefined && micros <= SHORT_MICROS_MAX && Object.hasOwn(this.#tasks, task);
    if (isShort && this.#short.takesAtOnce(micros)) return this.#runAtOnce(task, input, regions);
    for (const { id } of regions) must(this.#regions.get(id), 'region').users++;
    const job: Job = { id: this.#nextJob++, task, input, regions, result: deferred<unknown>() };
    if (isShort) {
      this.#short.add({ ...job, signal, micros });
      return job.result.promise as Promise<Output>;
    }
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

  /** Input is checked by the task's own callers; the registry has one type for all. */
  async #runAtOnce<Output>(task: string, input: unknown, regions: readonly SharedRegion[]): Promise<Output> {
    const context = { memories: regions.map(({ memory }) => memory), thread: this.parallelism };
    return this.#tasks[task]?.(input as never, context) as Output;
  }

  #runHere({ task, input, regions, signal, result }: ShortTask): void {
    try {
      if (signal?.aborted) throw cancelled(task);
      const context = { memories: regions.map(({ memory }) => memory), thread: this.parallelism };
      result.resolve(this.#tasks[task]?.(input as never, context));
    } catch (error) {
      result.reject(error);
    }
    this.#letGo(regions);
  }

  /** One core is the calling thread's. */
  #offer(tasks: readonly ShortTask[]): Batch | undefined {
    const thread = this.#threads.size === 0 && this.parallelism > 1 ? this.#start() : this.#idle();
    if (thread === undefined || !thread.isUp || this.#queue.length > 0) return undefined;
    let batches = 1;
    for (const { batch } of this.#threads.values()) if (batch !== undefined) batches++;
    if (batches >= this.parallelism) return undefined;
    thread.claims.fill(0);
    const batch: Batch = { tasks, claims: thread.claims };
    const regions = new Map(tasks.flatMap((one) => one.regions.map((region) => [region.id, region])));
    const fresh = [...regions.values()].filter(({ id }) => !thread.known.has(id));
    const message: ToWorker = {
      kind: 'batch',
      claims: thread.claims,
      tasks: tasks.map(({ task, input, regions: of }) => ({
        task,
        input: withoutRest(input),
        regions: of.map(({ id }) => id),
      })),
      fresh,
    };
    try {
      thread.worker.postMessage(message);
    } catch {
      return undefined; // Input that cannot be cloned is run here.
    }
    for (const { id } of fresh) thread.known.add(id);
    thread.batch = batch;
    thread.worker.ref();
    return batch;
  }

  /** Answers of what a thread has claimed. */
  #settleBatch(thread: Thread, answers: readonly BatchAnswer[]): void {
    const { batch } = thread;
    if (batch === undefined) return;
    thread.batch = undefined;
    thread.worker.unref();
    for (const answer of answers) {
      const task = must(batch.tasks[answer.at], 'a task of the batch');
      this.#letGo(task.regions);
      if (task.signal?.aborted) task.result.reject(cancelled(task.task));
      else if ('error' in answer) task.result.reject(rebuild(answer.error));
      else task.result.resolve(answer.output);
    }
    this.#short.ended(batch, answers.length);
    this.#dispatch();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of [...this.#queue.splice(0), ...this.#short.takeAll()]) job.result.reject(gone());
    const threads = [...this.#threads.values()];
    this.#threads.clear();
    for (const { job, batch } of threads)
      for (const { result } of [...(job ? [job] : []), ...(batch?.tasks ?? [])]) result.reject(gone());
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
    for (const thread of this.#threads.values())
      if (thread.job === undefined && thread.batch === undefined) return thread;
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
    const claims = new Int32Array(new SharedArrayBuffer(BATCH_MAX * 4));
    const thread: Thread = {
      ...{ number, worker, known: new Set(), isUp: false, claims },
      ...{ job: undefined, batch: undefined },
    };
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
    if ('answers' in message) {
      this.#settleBatch(thread, message.answers);
      return;
    }
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
    const { job, batch } = thread;
    thread.job = undefined;
    thread.batch = undefined;
    if (job !== undefined) this.#finish(job);
    job?.result.reject(lost(job.task, reason));
    for (const task of batch === undefined ? [] : this.#short.lost(batch)) {
      this.#letGo(task.regions);
      task.result.reject(lost(task.task, reason));
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

const lost = (task: string, reason: string): ElanusError =>
  new ElanusError('internal', `task ${task}: its thread ended (${reason}); a new thread takes over: retry`);

const cancelled = (task: string): ElanusError =>
  new ElanusError('cancelled', `task ${task}: cancelled before it started`);

function rebuild(error: { readonly message: string; readonly key?: string; readonly stack?: string }): Error {
  const known = error.key !== undefined && Object.hasOwn(errorSpecs, error.key);
  const result = known ? new ElanusError(error.key as ErrorKey, error.message) : new Error(error.message);
  if (error.stack !== undefined) result.stack = error.stack;
  return result;
}
