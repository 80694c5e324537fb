// Script of a compute thread: loads the registry of tasks, keeps the memories of the regions it has seen, runs one task at a time.
// Imports nothing of the product statically, so that it starts from src as well (resolve-sources.ts).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import * as zlib from 'node:zlib';

export interface WorkerSetup {
  readonly registry: string;
  readonly thread: number;
  /** Memory of short tasks (ring/ring-words.ts). */
  readonly ring: SharedArrayBuffer;
}

export type ToWorker =
  | {
      readonly kind: 'run';
      readonly id: number;
      readonly task: string;
      readonly input: unknown;
      readonly regions: readonly number[];
      readonly fresh: readonly FreshRegion[];
    }
  | {
      readonly kind: 'frame';
      readonly id: number;
      readonly task: string;
      readonly constant: Readonly<Record<string, unknown>>;
      readonly arrays: readonly string[];
      readonly regions: readonly number[];
      readonly fresh: readonly FreshRegion[];
    }
  | { readonly kind: 'drop frame'; readonly id: number }
  /** Short tasks are offered. */
  | { readonly kind: 'attend' }
  | { readonly kind: 'release'; readonly id: number };
interface Asked {
  readonly task: string;
  readonly input: unknown;
  readonly regions: readonly number[];
}
export interface FreshRegion {
  readonly id: number;
  readonly memory: WebAssembly.Memory;
}
export interface SentError {
  readonly message: string;
  readonly key?: string;
  readonly stack?: string;
}
export type Answer = { readonly output: unknown } | { readonly error: SentError };
export type FromWorker =
  | ({ readonly id: number } & Answer)
  /** The answer of a short task that cannot go through shared memory. */
  | ({ readonly slot: number } & Answer)
  /** Something was answered there. */
  | { readonly slot?: undefined };
type Crc32 = (bytes: Uint8Array, seed?: number) => number;
type AnyTask = (
  input: unknown,
  context: {
    readonly memories: readonly WebAssembly.Memory[];
    readonly thread: number;
    readonly crc32?: Crc32;
    readonly loadPackage?: (name: string) => unknown;
  },
) => unknown;
/** Node has one from 20.15 on. */
const { crc32 }: { readonly crc32?: Crc32 } = zlib;

/** As `node-text-packages.ts`. */
const loadFrom = createRequire(import.meta.url);
const loadPackage = (name: string): unknown =>
  name.endsWith('.wasm') ? readFileSync(loadFrom.resolve(name)) : loadFrom(name);

/**
 * Buffers a result owns whole; a view of a larger buffer is copied instead, its task may still use the rest. Empty ones are copied, too: they
 * are constants that many results share.
 */
function transferable(value: unknown, found = new Set<ArrayBuffer>(), depth = 0): Set<ArrayBuffer> {
  if (typeof value !== 'object' || value === null || depth > 4) return found;
  if (value instanceof ArrayBuffer) found.add(value);
  else if (ArrayBuffer.isView(value)) {
    const { buffer, byteLength } = value;
    if (buffer instanceof ArrayBuffer && byteLength > 0 && byteLength === buffer.byteLength)
      found.add(buffer);
  } else if (Array.isArray(value)) {
    // Lists of plain numbers are common and long: only lists that begin with an object are searched.
    if (typeof value[0] === 'object') for (const item of value) transferable(item, found, depth + 1);
  } else for (const item of Object.values(value)) transferable(item, found, depth + 1);
  return found;
}

type Tasks = Readonly<Record<string, AnyTask>>;
interface Registry {
  readonly workerTasks?: Tasks;
  /** Tasks whose code is loaded when one of them is asked for, by name. */
  readonly laterTasks?: Readonly<Record<string, () => Promise<Tasks>>>;
}

async function taskOf({ workerTasks = {}, laterTasks = {} }: Registry, name: string): Promise<AnyTask> {
  const later = Object.hasOwn(laterTasks, name) ? await laterTasks[name]?.() : undefined;
  const tasks = later ?? workerTasks;
  const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
  if (task === undefined) throw new Error(`no worker task is named "${name}"`);
  return task;
}

/** As in `dropped-memory.ts`: without a look the thread keeps memory that everybody else has let go. */
function dropped(bytes: number): void {
  if (bytes < 32 << 20) return;
  for (const ms of [200, 250]) setTimeout(() => new ArrayBuffer(33 << 20), ms).unref();
}

function sentError(thrown: unknown): SentError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const key = 'key' in error && typeof error.key === 'string' ? { key: error.key } : {};
  return { message: error.message, ...key, ...(error.stack !== undefined && { stack: error.stack }) };
}

/** Memories of the regions that the thread has seen. */
class Memories {
  readonly #memories = new Map<number, WebAssembly.Memory>();
  readonly #thread: number;

  constructor(thread: number) {
    this.#thread = thread;
  }

  add(fresh: readonly FreshRegion[]): void {
    for (const { id, memory } of fresh) this.#memories.set(id, memory);
  }

  drop(id: number): void {
    dropped(this.#memories.get(id)?.buffer.byteLength ?? 0);
    this.#memories.delete(id);
  }

  contextOf(regions: readonly number[]): Parameters<AnyTask>[1] {
    const memories = regions.map((id) => {
      const memory = this.#memories.get(id);
      if (memory === undefined) throw new Error(`region ${id} is not known to this thread`);
      return memory;
    });
    return { memories, thread: this.#thread, loadPackage, ...(crc32 && { crc32 }) };
  }
}

/** Each task says itself why the registry cannot be loaded. */
const noTasks = (): void => {};

async function serve(port: MessagePort): Promise<void> {
  const setup = workerData as WorkerSetup;
  if (import.meta.url.endsWith('.ts')) {
    const sources = (await import(
      new URL('./resolve-sources.ts', import.meta.url).href
    )) as typeof import('./resolve-sources.js');
    sources.resolveSources();
  }
  const { RingThread } = await import('#platform/node/ring/ring-thread.js');
  const memories = new Memories(setup.thread);
  const loaded = import(setup.registry) as Promise<Registry>;
  loaded.catch(noTasks);
  let running = 0;

  const run = async (message: Asked): Promise<unknown> => {
    const task = await taskOf(await loaded, message.task);
    return task(message.input, memories.contextOf(message.regions));
  };
  const reply = (message: FromWorker): void => {
    const output = 'output' in message ? message.output : undefined;
    try {
      port.postMessage(message, [...transferable(output)]);
    } catch {
      port.postMessage(message); // A buffer that cannot move (WASM memory, already moved): copy.
    }
  };
  const ring = new RingThread(setup.ring, setup.thread, {
    isBusy: () => running > 0,
    now: () => performance.now(),
    later: (then) => void setImmediate(then),
    wake: () => reply({}),
    answered: (slot, output) => reply({ slot, output }),
    failed: (slot, thrown) => reply({ slot, error: sentError(thrown) }),
  });
  /** None for a task whose code is loaded by its name: the calling thread runs it. */
  const addFrame = ({ id, task, constant, arrays, regions }: ToWorker & { kind: 'frame' }) =>
    loaded.then(({ workerTasks = {} }) => {
      const run = Object.hasOwn(workerTasks, task) ? workerTasks[task] : undefined;
      const context = memories.contextOf(regions);
      if (run !== undefined) ring.addFrame({ id, constant, arrays, run: (input) => run(input, context) });
    });
  port.on('message', (message: ToWorker) => {
    ring.noteMessage();
    switch (message.kind) {
      case 'release':
        memories.drop(message.id);
        return;
      case 'drop frame':
        loaded.then(() => ring.dropFrame(message.id)).catch(() => {});
        return;
      case 'attend':
        // What it throws ends the thread: else nobody would answer what it had claimed.
        void loaded.then(() => ring.attend(), noTasks);
        return;
      default:
        memories.add(message.fresh);
    }
    if (message.kind === 'frame') {
      addFrame(message).catch(() => {});
      return;
    }
    running++;
    run(message)
      .finally(() => running--)
      .then((output) => reply({ id: message.id, output }))
      .catch((thrown: unknown) => reply({ id: message.id, error: sentError(thrown) }));
  });
}

if (parentPort !== null) void serve(parentPort);
