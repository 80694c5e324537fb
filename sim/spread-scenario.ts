// Two query-nodes share the sealed segments: they die one after the other while rows are written, deleted and read, one of them becomes so slow that it does
// not take deletes in time, and what moves between them as they come and go is there once.
import { nextFloat } from '#base/random.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import type { SimCollection } from './workload.js';

const NAME = 'spread-over-two';
/** Whether the whole run has a second query-node, from the start. */
export const isAboutSeveral = (scenario: string): boolean => scenario === NAME;

const LIVES = 4;
const WRITES = 4;
/** Longer than a writer waits for a query-node. */
const SLOW_MS = 3000;
const PAUSE_MS = 4000;

export async function spreadOverTwo(
  { workload, processes, cluster, random, timers }: ScenarioParts,
  collection: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const { model } = collection;
  const write = async (): Promise<void> => {
    for (let writes = 0; writes < WRITES; writes++) {
      await workload.insert(model, writes % 3);
      await workload.delete(model, writes % 3);
    }
  };
  const read = async (): Promise<void> => {
    await untilReady(() => workload.count(model));
    await untilReady(() => workload.rows(model, model.keys.slice(-40), false));
    await untilReady(() => workload.search(collection, undefined));
  };
  for (let lives = 0; lives < LIVES; lives++) {
    await untilReady(() => workload.insert(model, lives % 3));
    await untilReady(() => workload.flush(model));
    await read();
    const writing = write();
    await timers.sleep(nextFloat(random) * 500);
    const isSlow = nextFloat(random) < 0.4;
    const one = nextFloat(random) < 0.5 ? processes.query : processes.second;
    if (isSlow) cluster.network.setLink('stream', one.host, { delayMinMs: 1, delayMaxMs: SLOW_MS });
    else one.crash(random);
    await timers.sleep(nextFloat(random) * PAUSE_MS);
    if (isSlow) cluster.network.setLink('stream', one.host, { delayMinMs: 0.05, delayMaxMs: 0.5 });
    else one.start();
    await writing;
    await read();
  }
}
