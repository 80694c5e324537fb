// Script of a compute thread: loads the registry of tasks, keeps the memories of the regions it has seen, runs one task at a time.
// Imports nothing of the product statically, so that it starts from src as well (resolve-sources.ts).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import * as zlib from 'node:zlib';

export interface WorkerSetup {
  readonly registry: string;
  readonly thread: number;
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
      readonly kind: 'batch';
      /** By the place of a task: 0 until somebody claims it; the calling thread does so, too. */
      readonly claims: Int32Array;
      readonly tasks: readonly Asked[];
      readonly fresh: readonly FreshRegion[];
    }
  | { readonly kind: 'release'; readonly id: number };
interface Asked {
  readonly task: string;
  readonly input: unknown;
  readonly regions: readonly number[];
}
interface FreshRegion {
  readonly id: number;
  readonly memory: WebAssembly.Memory;
}
interface SentError {
  readonly message: string;
  readonly key?: string;
  readonly stack?: string;
}
/** The answer of the task at that place of a batch. */
export type BatchAnswer = { readonly at: number } & (
  | { readonly output: unknown }
  | { readonly error: SentError }
);
export type FromWorker =
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: SentError }
  | { readonly answers: readonly BatchAnswer[] };
/** As in `short-tasks.ts`, which must not load this file. */
const CLAIMED_THERE = 2;
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

async function serve(port: MessagePort): Promise<void> {
  const setup = workerData as WorkerSetup;
  if (import.meta.url.endsWith('.ts')) {
    const sources = (await import(
      new URL('./resolve-sources.ts', import.meta.url).href
    )) as typeof import('./resolve-sources.js');
    sources.resolveSources();
  }
  const memories = new Map<number, WebAssembly.Memory>();
  const loaded = import(setup.registry) as Promise<Registry>;
  loaded.catch(() => {}); // Each task that needs it reports the error.

  const run = async (message: Asked): Promise<unknown> => {
    const task = await taskOf(await loaded, message.task);
    const held = message.regions.map((id) => {
      const memory = memories.get(id);
      if (memory === undefined) throw new Error(`region ${id} is not known to this thread`);
      return memory;
    });
    const context = { memories: held, thread: setup.thread, loadPackage, ...(crc32 && { crc32 }) };
    return task(message.input, context);
  };
  const reply = (message: FromWorker): void => {
    const output = 'output' in message ? message.output : undefined;
    try {
      port.postMessage(message, [...transferable(output)]);
    } catch {
      port.postMessage(message); // A buffer that cannot move (WASM memory, already moved): copy.
    }
  };
  /** The newest first: the calling thread begins at the other end. */
  const runBatch = async ({ claims, tasks }: ToWorker & { kind: 'batch' }): Promise<void> => {
    const answers: BatchAnswer[] = [];
    for (let at = tasks.length - 1; at >= 0; at--) {
      if (Atomics.compareExchange(claims, at, 0, CLAIMED_THERE) !== 0) continue;
      try {
        answers.push({ at, output: await run(tasks[at] as Asked) });
      } catch (thrown) {
        answers.push({ at, error: sentError(thrown) });
      }
    }
    port.postMessage({ answers } satisfies FromWorker);
  };
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'release') {
      dropped(memories.get(message.id)?.buffer.byteLength ?? 0);
      memories.delete(message.id);
      return;
    }
    for (const { id, memory } of message.fresh) memories.set(id, memory);
    if (message.kind === 'batch') {
      void runBatch(message);
      return;
    }
    run(message)
      .then((output) => reply({ id: message.id, output }))
      .catch((thrown: unknown) => reply({ id: message.id, error: sentError(thrown) }));
  });
}

if (parentPort !== null) void serve(parentPort);
