// Threads that compute. A task is a named pure function of the one registry in `index/worker-tasks.ts`; the node platform runs
// it in a worker thread, the memory platform on the calling thread in a later turn.
/** WASM memory that tasks on any thread read and write in place. Made by `allocate`, forgotten by `release`. */
export interface SharedRegion {
  readonly id: number;
  readonly memory: WebAssembly.Memory;
}

export interface Workers {
  /** Threads that compute side by side, at least 1. */
  readonly parallelism: number;
  /** A shared WASM memory of `bytes`, growable to `bytesMax` (at most 4 GiB - 64 KiB). */
  allocate(bytes: number, bytesMax: number): SharedRegion;
  release(region: SharedRegion): void;
  /**
   * Runs the task with structured-cloned `input`; regions reach it as memories in the same order.
   * @param micros about how long it computes, when that is known and the task is synchronous. A short one may run on the calling thread,
   * before `run` returns and on `input` itself: handing it over would cost more.
   * @throws what the task threw, as an Error with its message; cancelled when the signal aborts before it starts.
   */
  run<Output>(
    task: string,
    input: unknown,
    regions: readonly SharedRegion[],
    signal?: AbortSignal,
    micros?: number,
  ): Promise<Output>;
}

/**
 * What a task gets: its input, the memories of its regions (stable objects per region and thread), its thread's number (from 0, `parallelism`
 * on the calling thread), the runtime's own CRC-32 where it has one, which is some six times as fast as ours, and on a
 * thread of its own what loads packages there.
 */
export type WorkerTask = (
  input: never,
  context: {
    readonly memories: readonly WebAssembly.Memory[];
    readonly thread: number;
    readonly crc32?: (bytes: Uint8Array, seed?: number) => number;
    readonly loadPackage?: (name: string) => unknown;
  },
) => unknown;
