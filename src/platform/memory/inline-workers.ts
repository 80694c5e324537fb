// Workers without threads: every task, short or long, runs on the calling thread in a later turn, on real shared WASM memory.
import { assert } from '#base/assert.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { workerTasks } from '#index/worker-tasks.js';
import type { Timers } from '#platform/time.js';
import { allocateMemory } from '#platform/wasm-memory.js';
import type { SharedRegion, Workers, WorkerTask } from '#platform/workers.js';

export interface InlineWorkersOptions {
  readonly timers: Timers;
  /** The product's own tasks when not given. */
  readonly tasks?: Readonly<Record<string, WorkerTask>>;
  /** What callers split their work by; tasks still run one after another. */
  readonly parallelism?: number;
  /** Delay of a task, asked per task; 0 when not given. */
  readonly delayMs?: () => number;
}

export class InlineWorkers implements Workers {
  readonly parallelism: number;
  readonly #options: InlineWorkersOptions;
  readonly #tasks: Readonly<Record<string, WorkerTask>>;
  readonly #live = new Set<number>();
  #nextRegion = 1;

  constructor(options: InlineWorkersOptions) {
    this.#options = options;
    this.#tasks = options.tasks ?? workerTasks;
    this.parallelism = options.parallelism ?? 1;
  }

  allocate(bytes: number, bytesMax: number): SharedRegion {
    const region: SharedRegion = { id: this.#nextRegion++, memory: allocateMemory(bytes, bytesMax) };
    this.#live.add(region.id);
    return region;
  }

  release(region: SharedRegion): void {
    this.#live.delete(region.id);
  }

  async run<Output>(
    task: string,
    input: unknown,
    regions: readonly SharedRegion[],
    signal?: AbortSignal,
  ): Promise<Output> {
    for (const region of regions)
      assert(this.#live.has(region.id), `task ${task} uses released region ${region.id}`);
    const copied: unknown = structuredClone(input);
    const cancelled = (): ElanusError =>
      new ElanusError('cancelled', `task ${task}: cancelled before it started`);
    if (signal?.aborted) throw cancelled();
    await this.#options.timers.sleep(this.#options.delayMs?.() ?? 0, signal).catch(() => {
      throw cancelled();
    });
    const run = Object.hasOwn(this.#tasks, task) ? this.#tasks[task] : undefined;
    if (run === undefined) throw new Error(`no worker task is named "${task}"`);
    try {
      // Input is checked by the task's own callers; the registry has one type for all.
      const output = await run(copied as never, {
        memories: regions.map((region) => region.memory),
        thread: 0,
      });
      return structuredClone(output) as Output;
    } catch (error) {
      throw error instanceof ElanusError ? error : new Error(messageOf(error), { cause: error });
    }
  }
}
