// Tasks of the workers' contract suite, loaded by the threads in place of the product's registry.
type Context = { readonly memories: readonly WebAssembly.Memory[]; readonly thread: number };
interface Met {
  readonly met: Int32Array;
  readonly runs: Int32Array;
  /** Number of the calling thread. */
  readonly here: number;
}
interface MetAnd extends Met {
  readonly then: 'die' | 'fail' | 'fail typed' | 'fail oddly' | 'hold' | 'arrays';
  /** What it holds until then. */
  readonly open: Int32Array;
}
const seen = new WeakSet<object>();
const EMPTY = new Uint8Array(0);

/** Tasks that a thread loads when it is asked for one of them. */
export const laterTasks = { double: async () => ({ double: (input: number): number => input * 2 }) };

export const workerTasks = {
  echo: (input: unknown) => input,
  /** Fills the first region with a byte; returns how many times this thread saw this very Memory object before (0 or 1). */
  fill: (input: { readonly value: number }, context: Context): number => {
    const memory = context.memories[0];
    if (memory === undefined) throw new Error('no region');
    const known = seen.has(memory) ? 1 : 0;
    seen.add(memory);
    new Uint8Array(memory.buffer).fill(input.value);
    return known;
  },
  /** A constant that many results share. */
  empty: (): { readonly none: Uint8Array } => ({ none: EMPTY }),
  thread: (_input: unknown, context: Context): number => context.thread,
  bytes: (input: { readonly length: number }): { readonly view: Float32Array } => ({
    view: new Float32Array(input.length).fill(1.5),
  }),
  spin: (input: { readonly ms: number }): number => {
    const until = performance.now() + input.ms;
    while (performance.now() < until);
    return input.ms;
  },
  later: async (input: number): Promise<number> => {
    await Promise.resolve();
    return input + 1;
  },
  fail: (): never => {
    throw new Error('boom');
  },
  failTyped: (): never => {
    throw Object.assign(new Error('no memory'), { name: 'ElanusError', key: 'memory_limit' });
  },
  /** On the calling thread it waits for another thread to come to one; not for good, as nothing can end a thread that stands still. */
  meet: ({ met, runs, here }: Met, { thread }: Context): number => {
    Atomics.add(runs, 0, 1);
    if (thread !== here) {
      Atomics.store(met, 0, 1);
      Atomics.notify(met, 0);
    } else Atomics.wait(met, 0, 0, 30_000);
    return thread;
  },
  /** The calling thread waits as above; the other one does what is said then. */
  meetAnd: ({ then, open, ...met }: MetAnd, context: Context): unknown => {
    const thread = workerTasks.meet(met, context);
    if (thread === met.here) return thread;
    if (then === 'die') process.exit(3);
    if (then === 'fail') workerTasks.fail();
    if (then === 'fail typed') workerTasks.failTyped();
    if (then === 'fail oddly') throw Object.create(null); // It cannot be made a text of.
    if (then === 'hold') Atomics.wait(open, 0, 0, 30_000);
    return then === 'arrays'
      ? { rows: Uint32Array.of(7, 8), scores: new Float32Array(0), count: 2.5 }
      : thread;
  },
  die: (): void => process.exit(3),
};
