// A coordinator has a collection released and does not reach the shards; it is taken for dead, the next one loads the collection again, and then its
// messages arrive, late and again: what is loaded stays served.
import { Violation } from './model.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import type { SimCollection } from './workload.js';

/** A session is over after 2400 ms without a beat. */
const TAKE_OVER_MS = 4000;
/** What is served is read at once; a shard that was released by mistake waits for the next look, after 3000 ms. */
const READ_MS_MAX = 500;
const READS = 10;

export async function releasedTooLate(
  { client, cluster, processes, random, timers, workload }: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const { clock } = cluster.world;
  // The other one starts anew, so this one leads for certain.
  processes.spare.crash(random);
  await untilReady(() => workload.load(model));
  await untilReady(() => workload.insert(model, 0));
  processes.spare.start();
  await timers.sleep(TAKE_OVER_MS);
  cluster.network.cut('coord', 'stream');
  model.setLoaded(false);
  const release = (): Promise<undefined> => client.release(model.name).then(() => undefined);
  const releasing = workload.attempt(model, 'release', '', release);
  await timers.sleep(500);
  processes.coord.troubles.meta = { refused: 1, lost: 0, delayMs: 0 };
  await timers.sleep(TAKE_OVER_MS);
  // The call goes on at the next coordinator, or ends at its deadline.
  await releasing;
  await untilReady(() => workload.load(model));
  await untilReady(() => workload.count(model));
  model.setLoaded(true);
  cluster.network.heal('coord', 'stream');
  for (let reads = 0; reads < READS; reads++) {
    const begunMs = clock.monotonic();
    const isAnswered = await workload.count(model);
    const tookMs = clock.monotonic() - begunMs;
    if (!isAnswered || tookMs > READ_MS_MAX)
      throw new Violation(
        `what is loaded is not served: a read of ${model.name} took ${tookMs} ms, and nobody released it since`,
      );
    await timers.sleep(400);
  }
  processes.coord.troubles.heal();
}
