// One engine in a process of its own, which does what its parent asks: build, open, take a turn. So its memory can be counted, no engine
// runs in code that another one has made the compiler adapt to, and one that crashes ends alone.
import { loadavg } from 'node:os';
import { loadEngine } from './engines.mjs';
import { filterOf, openSet, recallOf } from './sets.mjs';

const [, , engineName, setName, rowsAsked] = process.argv;
const engine = await loadEngine(engineName);
const set = await openSet(setName, rowsAsked === undefined ? undefined : Number(rowsAsked));
/** Shorter turns say little: a collection of garbage or a switch of threads would show. */
const TURN_MS_MIN = 250;
const filters = new Map();
let opened;

/** Twice, with time for what is given back by another thread. */
async function collectGarbage() {
  for (let i = 0; i < 2; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const calls = {
  async build({ file, threads }) {
    let measured;
    const timed = async (work) => {
      const cpu = process.cpuUsage();
      const begin = performance.now();
      const result = await work();
      const { user, system } = process.cpuUsage(cpu);
      measured = { seconds: (performance.now() - begin) / 1000, cpuSeconds: (user + system) / 1e6 };
      return result;
    };
    await engine.build(set, { file, threads, timed });
    return { ...measured, threads, load: loadavg()[0] };
  },
  /** @param shares of rows that filters let pass, for later turns */
  async open({ file, shares }) {
    if (engine.filters !== false) for (const share of shares) filters.set(share, filterOf(set, share));
    if (!engine.needsRows) set.base = undefined;
    await collectGarbage();
    const before = process.memoryUsage.rss();
    opened = await engine.open(set, { file });
    await opened.prepare?.(engine.widths[0]);
    await opened.search(set.queries.subarray(0, set.dim), 10, engine.widths[0]);
    set.base = undefined;
    await collectGarbage();
    const bytes = opened.bytes ?? process.memoryUsage.rss() - before;
    return {
      bytes,
      bytesAre: opened.bytes === undefined ? 'growth of the process' : 'exact',
      canFilter: opened.filtered !== undefined,
    };
  },
  /** All queries one at a time, again and again until the turn is long enough to be measured, or as many as fit the budget (at least 20). */
  async turn({ width, share, k, budgetMs }) {
    const filter = share === undefined ? undefined : filters.get(share);
    if (share !== undefined && filter === undefined) return undefined;
    await opened.prepare?.(width);
    const queries = Array.from({ length: set.queries.length / set.dim }, (_, i) =>
      set.queries.subarray(i * set.dim, (i + 1) * set.dim),
    );
    const once = filter
      ? (query) => opened.filtered(query, k, width, filter)
      : (query) => opened.search(query, k, width);
    const run = async (count, endsAt, found) => {
      let i = 0;
      for (; i < count && (i < 20 || performance.now() < endsAt); i++) {
        const rows = once(queries[i]);
        found.push(rows instanceof Promise ? await rows : rows);
      }
      return i;
    };
    await run(100, performance.now() + budgetMs / 10, []);
    const found = [];
    const cpu = process.cpuUsage();
    const begin = performance.now();
    let count = await run(queries.length, begin + budgetMs, found);
    while (performance.now() - begin < TURN_MS_MIN) count += await run(queries.length, begin + budgetMs, []);
    const wallSeconds = (performance.now() - begin) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return {
      queries: found.length,
      cpuQps: count / ((user + system) / 1e6),
      wallQps: count / wallSeconds,
      recall: recallOf(found, (filter ?? set).truth, k),
    };
  },
};

process.on('message', async ({ id, call, input }) => {
  try {
    process.send({ id, output: await calls[call](input) });
  } catch (error) {
    process.send({ id, error: error.stack ?? String(error) });
  }
});

process.on('disconnect', () => process.exit(0));
process.send({ id: 0, output: { rows: set.rows, dim: set.dim, metric: set.metric, key: set.key } });
