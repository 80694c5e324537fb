// A function comes with its field to a collection with rows in files and rows that grow, while these are written, deleted, flushed and compacted,
// slowly, and some process dies. In the end each row that lives has its words, and none that is deleted.
import { nextFloat } from '#base/random.js';
import { type Host, hosts } from './cluster.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import { searchWords } from './words-search.js';
import type { SimCollection } from './workload.js';

export async function filledUnderWrites(
  parts: ScenarioParts,
  collection: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const { workload, processes, timers, random, definitions } = parts;
  const { model } = collection;
  const restart = (host: Host): void => {
    processes[host].crash(random, false);
    processes[host].start();
  };
  const isBegun = await definitions.beginWords(collection, untilReady, async () => {
    for (let flushes = 0; flushes < 2; flushes++) {
      for (let writes = 0; writes < 2; writes++) await workload.insert(model, writes);
      await untilReady(() => workload.flush(model));
    }
    for (const client of [0, 1]) await workload.insert(model, client);
    await workload.delete(model, 0);
    // Whatever is read and written for it takes its time.
    processes.query.troubles.objects = { refused: 0, lost: 0, delayMs: 700 };
  });
  if (!isBegun) return;
  const active = hosts.find((host) => (host === 'coord' || host === 'spare') && processes[host].isUp);
  const dying = workload.one<Host | undefined>([active, 'query', 'stream', 'front', undefined]);
  for (const client of [0, 1, 2]) {
    await workload.delete(model, client);
    await workload.upsert(model, client);
    await timers.sleep(nextFloat(random) * 1500);
    if (client === 1 && dying !== undefined) restart(dying);
    if (client === 1) await workload.compact(model);
    await workload.flush(model);
    await searchWords(workload, parts, model);
  }
  processes.query.troubles.heal();
  await definitions.finish(untilReady);
  await untilReady(() => searchWords(workload, parts, model));
  // What only the owner of the rows knew is gone: words and deletes are those that files have.
  restart('query');
  await untilReady(() => searchWords(workload, parts, model));
  await untilReady(() => workload.count(model));
}
