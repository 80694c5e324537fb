// Small tools for asynchronous code: a settled-later promise, a mutex, coalesced background work.
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {}); // A waiter may come later, or never; the rejection is theirs to see.
  return { promise, resolve, reject };
}

/** What all of them give; when some fail, the first failure, but not before all have settled: none goes on with what was handed to it. */
export async function allSettled<T>(tasks: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(tasks);
  return Promise.all(tasks);
}

const NOBODY: Promise<unknown> = Promise.resolve();

/** Runs one task at a time, in the order of arrival. */
export class Mutex {
  #tail: Promise<unknown> = NOBODY;

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => {});
    return result;
  }
}

/** Mutexes by key; a key costs memory only while someone holds or awaits it. */
export class KeyedMutex {
  readonly #held = new Map<string, { mutex: Mutex; users: number }>();

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const entry = this.#held.get(key) ?? { mutex: new Mutex(), users: 0 };
    this.#held.set(key, entry);
    entry.users++;
    try {
      return await entry.mutex.run(task);
    } finally {
      if (--entry.users === 0) this.#held.delete(key);
    }
  }
}
