// Compute threads. Started when first needed, one task at a time each, first come first served. A region's memory travels to a
// thread once; afterwards its number is enough, so a thread sees one stable Memory object per region.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { assert, must } from '#base/assert.js';
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import { SCRATCH_THREADS_MAX } from '#index/block/region-layout.js';
import { workerTasks } from '#index/worker-tasks.js';
import { AWAY } from '#platform/node/ring/ring-words.js';
import { SharedTasks } from '#platform/node/ring/shared-tasks.js';
import { type ShortTask, ShortTasks } from '#platform/node/ring/short-tasks.js';
import type { Frame } from '#platform/node/ring/task-frames.js';
import { allocateMemory } from '#platform/wasm-memory.js';
import type { SharedRegion, Workers, WorkerTask } from '#platform/workers.js';
import { DroppedMemory } from './dropped-memory.js';
import { nodeTimers } from './node-time.js';
import { scriptUrl } from './script-url.js';
import { threadOptions } from './thread-options.js';
import type { Answer, FreshRegion, FromWorker, ToWorker, WorkerSetup } from './worker-entry.js';
import { cancelled, gone, lost, rebuilt } from './worker-errors.js';

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
  readonly frames: Set<number>;
  /** It runs: until then it can hardly be interrupted, and has nothing of ours. */
  isUp: boolean;
  job: Job | undefined;
  /** Why it ends. It gets nothing more, and what it had is lost when it has ended: until then it may write to shared memory. */
  endsFor: string | undefined;
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
  readonly #shared: SharedTasks<ShortTask, Thread>;
  readonly #short: ShortTasks;
  readonly #threads = new Map<number, Thread>();
  readonly #queue: Job[] = [];
  /** Jobs, waiting or running, per live region; a released region is forgotten after its last one. */
  readonly #regions = new Map<number, { users: number; released: boolean }>();
  readonly #dropped = new DroppedMemory(nodeTimers);
  #nextRegion = 1;
  #nextJob = 1;
  #closed = false;
  /** Answers of short tasks are all that is waited for. */
  #isHeld = false;

  constructor(options: NodeWorkersOptions = {}) {
    // One more has memory of its own in each region: the calling thread.
    this.parallelism = Math.min(
      options.parallelism ?? Math.max(1, Math.min(availableParallelism(), 8)),
      SCRATCH_THREADS_MAX - 1,
    );
    this.#tasks = options.tasks ?? (options.registry === undefined ? workerTasks : {});
    this.#registry = options.registry ?? scriptUrl(import.meta.url, '../../index/thread-tasks.js');
    this.#shared = this.#makeShared();
    const shared = this.#shared;
    this.#short = new ShortTasks({
      run: (task) => this.#runHere(task),
      offer: (waiting, from) => shared.offer(waiting, from),
      takeAnswers: () => shared.takeAnswers(),
      claimOldest: (before) => (shared.used === 0 ? undefined : shared.ring.claimOldest(before)),
      offered: () => shared.used,
      sleep: () => shared.sleep(),
      awake: () => shared.awake(),
    });
  }

  #makeShared(): SharedTasks<ShortTask, Thread> {
    return new SharedTasks<ShortTask, Thread>({
      threadsMax: this.parallelism - 1, // One core is the calling thread's.
      peers: () => this.#peers(),
      idle: () => this.#idlePeer(),
      sendFrame: (thread, frame) => this.#sendFrame(thread, frame),
      dropFrame: ({ id }) => {
        for (const thread of this.#threads.values())
          if (thread.frames.delete(id)) this.#post(thread, { kind: 'drop frame', id });
      },
      call: (thread) => this.#post(thread, { kind: 'attend' }),
      settle: (task, output) => this.#settleShort(task, { output }),
      holdProcess: (isHeld) => {
        this.#isHeld = isHeld;
        for (const { worker, job } of this.#threads.values()) {
          if (isHeld) worker.ref();
          else if (job === undefined) worker.unref();
        }
      },
    });
  }

  *#peers(): Generator<Thread> {
    for (const thread of this.#threads.values()) if (isFree(thread)) yield thread;
  }

  #idlePeer(): Thread | undefined {
    if (this.#queue.length > 0) return undefined;
    const thread = this.#threads.size === 0 ? this.#start() : this.#idle();
    return thread?.isUp ? thread : undefined;
  }

  /** Behind the message: a thread that looks at the count of them finds it. */
  #post(thread: Thread, message: ToWorker): void {
    thread.worker.postMessage(message);
    this.#shared.ring.noteMail(thread.number);
  }

  #freshFor(thread: Thread, regions: readonly SharedRegion[]): FreshRegion[] {
    return regions.filter(({ id }) => !thread.known.has(id));
  }

  #sendFrame(thread: Thread, { id, task, constant, arrays, regions: of }: Frame): boolean {
    const regions = of.map((region) => region.id);
    const fresh = this.#freshFor(thread, of);
    try {
      this.#post(thread, { kind: 'frame', id, task, constant, arrays, regions, fresh });
    } catch {
      return false;
    }
    for (const region of fresh) thread.known.add(region.id);
    return true;
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
      this.#short.add({ ...job, signal, micros, isKept: false });
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

  /** What a thread has answered. */
  #settleShort({ task, regions, signal, result }: ShortTask, answer: Answer): void {
    this.#letGo(regions);
    if (signal?.aborted) result.reject(cancelled(task));
    else if ('error' in answer) result.reject(rebuilt(answer.error));
    else result.resolve(answer.output);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const short = [...this.#short.takeWaiting(), ...this.#shared.ring.takeAll()];
    for (const job of [...this.#queue.splice(0), ...short]) job.result.reject(gone());
    const threads = [...this.#threads.values()];
    this.#threads.clear();
    for (const { job } of threads) job?.result.reject(gone());
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
      const fresh = this.#freshFor(thread, job.regions);
      const message: ToWorker = {
        kind: 'run',
        id: job.id,
        task: job.task,
        input: withoutRest(job.input),
        regions: job.regions.map((region) => region.id),
        fresh,
      };
      try {
        this.#post(thread, message);
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

  /** Rather one that no short tasks keep. */
  #idle(): Thread | undefined {
    let attends: Thread | undefined;
    for (const thread of this.#peers()) {
      if (this.#shared.ring.placeOf(thread.number) === AWAY) return thread;
      attends = thread;
    }
    return attends;
  }

  #start(): Thread | undefined {
    if (this.#threads.size >= this.parallelism) return undefined;
    let number = 0;
    while (this.#threads.has(number)) number++;
    const { ring } = this.#shared;
    ring.forget(number);
    const setup: WorkerSetup = { registry: this.#registry.href, thread: number, ring: ring.shared };
    const worker = new Worker(scriptUrl(import.meta.url, './worker-entry.js'), {
      ...threadOptions(`compute-${number}`),
      workerData: setup,
    });
    const thread: Thread = {
      ...{ number, worker, known: new Set(), frames: new Set(), isUp: false },
      ...{ job: undefined, endsFor: undefined },
    };
    worker.once('online', () => {
      thread.isUp = true;
    });
    worker.on('message', (message: FromWorker) => this.#settle(thread, message));
    for (const event of ['messageerror', 'error'] as const)
      worker.on(event, (error) => {
        thread.endsFor ??= error.message;
        void worker.terminate();
      });
    worker.on('exit', (code) => this.#lost(thread, thread.endsFor ?? `exit code ${code}`));
    worker.unref(); // Behind the listener for messages, which would hold the process again.
    this.#threads.set(number, thread);
    return thread;
  }

  #settle(thread: Thread, message: FromWorker): void {
    if (!('id' in message)) {
      if (message.slot !== undefined) {
        const task = this.#shared.ring.takeSent(message.slot);
        if (task !== undefined) this.#settleShort(task, message);
      }
      this.#short.beDue();
      return;
    }
    const job = thread.job;
    if (job === undefined || job.id !== message.id) return;
    thread.job = undefined;
    if (!this.#isHeld) thread.worker.unref();
    this.#finish(job);
    if ('error' in message) job.result.reject(rebuilt(message.error));
    else job.result.resolve(message.output);
    this.#dispatch();
  }

  #lost(thread: Thread, reason: string): void {
    if (this.#threads.get(thread.number) !== thread) return;
    this.#threads.delete(thread.number); // The next task that finds no idle thread starts another.
    const { job } = thread;
    thread.job = undefined;
    if (job !== undefined) this.#finish(job);
    job?.result.reject(lost(job.task, reason));
    for (const task of this.#shared.ring.takeLost(thread.number)) {
      this.#letGo(task.regions);
      task.result.reject(lost(task.task, reason));
    }
    this.#shared.ring.forget(thread.number);
    this.#short.beDue();
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
    this.#shared.forgetRegion(id);
    for (const thread of this.#threads.values())
      if (thread.known.delete(id)) this.#post(thread, { kind: 'release', id });
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

const isFree = ({ job, endsFor }: Thread): boolean => job === undefined && endsFor === undefined;
