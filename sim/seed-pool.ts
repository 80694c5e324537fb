// Many seeds over several processes. A seed is handed to whoever is free; a run's outcome depends on its seed alone, never on its process.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SeedOutcome, SeedTask } from './seed-outcome.js';

export interface SeedPoolOptions {
  readonly jobs: number;
  /** For every seed. */
  readonly task?: Omit<SeedTask, 'seed'>;
  /** A fault that is put into the product, or below it. */
  readonly plant?: string;
  /** @returns whether more seeds are to be run */
  readonly onOutcome: (outcome: SeedOutcome) => boolean;
}

const worker = fileURLToPath(new URL('./seed-worker.js', import.meta.url));
const hooks = new URL('./plant-hooks.js', import.meta.url).href;

/** Runs the seeds until there are none left or `onOutcome` has seen enough; what runs then is ended. */
export function runSeeds(seeds: Iterable<number>, options: SeedPoolOptions): Promise<void> {
  const left = seeds[Symbol.iterator]();
  const children = new Set<ChildProcess>();
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (error?: Error): void => {
      isOver = true;
      for (const child of children) child.kill();
      if (error === undefined) resolve();
      else reject(error);
    };
    const running = new Map<ChildProcess, number>();
    const feed = (child: ChildProcess): void => {
      const next = left.next();
      if (next.done !== true) {
        running.set(child, next.value);
        const task: SeedTask = { ...options.task, seed: next.value };
        child.send(task);
        return;
      }
      children.delete(child);
      child.disconnect();
      if (children.size === 0) end();
    };
    for (let job = 0; job < options.jobs; job++) {
      const child =
        options.plant === undefined
          ? fork(worker)
          : fork(worker, [options.plant], { execArgv: ['--import', hooks] });
      children.add(child);
      child.on('message', (outcome: SeedOutcome) => {
        if (isOver) return;
        if (options.onOutcome(outcome)) feed(child);
        else end();
      });
      child.on('error', (error) => void (isOver || end(error)));
      child.on('exit', (code, signal) => {
        if (isOver || !children.has(child)) return;
        const how = signal ?? `exit code ${code}`;
        end(new Error(`the process that ran seed ${running.get(child)} ended by itself (${how})`));
      });
      feed(child);
    }
  });
}
