// Situations around compactions that chance alone seldom makes: writes under one, a death in the middle of one, an iterator over one.
import { nextFloat } from '#base/random.js';
import type { Host } from './cluster.js';
import { hasWords, type Page, pageOf } from './iterator-page.js';
import { Violation } from './model.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import type { SimCollection } from './workload.js';

/** What was replaced is handed over, and its files have gone, after so long. */
const SETTLED_MS = 16_000;

/** Rows are deleted and written again while they are compacted, slowly, and some process dies. */
export async function compactedUnderWrites(
  { workload, processes, timers, random }: ScenarioParts,
  collection: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const { model } = collection;
  for (let flushes = 0; flushes < 4; flushes++) {
    for (let writes = 0; writes < 2; writes++) await workload.insert(model, writes);
    await untilReady(() => workload.flush(model));
  }
  processes.query.troubles.objects = { refused: 0, lost: 0, delayMs: 1200 };
  await workload.compact(model);
  const dying = workload.one<Host | undefined>(['coord', 'query', 'stream', undefined, undefined]);
  for (const client of [0, 1, 2]) {
    await workload.delete(model, client);
    await workload.upsert(model, client);
    await timers.sleep(nextFloat(random) * 1500);
    await workload.flush(model);
  }
  if (dying !== undefined) {
    processes[dying].crash(random, false);
    processes[dying].start();
  }
  processes.query.troubles.heal();
  await untilReady(() => workload.count(model));
  await timers.sleep(SETTLED_MS);
  // What only the owner of the rows knew is gone: deletes are those that files have.
  processes.query.crash(random, false);
  processes.query.start();
  await untilReady(() => workload.count(model));
  await untilReady(() => workload.search(collection, undefined));
}

/** The pages of an iterator show what was there when it began: it asks again soon enough, and nobody dies. */
export const iteratedWhileCompacted = (
  parts: ScenarioParts,
  collection: SimCollection,
  untilReady: UntilReady,
): Promise<void> => iterated(parts, collection, untilReady, { hosts: [], mayRefuse: false });

/** The same, and processes die between the pages: what held rows for the iterator has forgotten it. Its next page is whole, or says that rows are gone. */
export const iteratedOverDeaths = (
  parts: ScenarioParts,
  collection: SimCollection,
  untilReady: UntilReady,
): Promise<void> => {
  const choices: readonly (readonly Host[])[] = [['stream'], ['query'], ['front'], ['stream', 'query']];
  return iterated(parts, collection, untilReady, {
    hosts: parts.workload.one(choices),
    mayRefuse: true,
  });
};

async function iterated(
  parts: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
  dying: { readonly hosts: readonly Host[]; readonly mayRefuse: boolean },
): Promise<void> {
  const { workload, timers, processes, random } = parts;
  const die = (): void => {
    for (const host of dying.hosts) {
      processes[host].crash(random, false);
      processes[host].start();
    }
  };
  const dies = dying.hosts.length > 0;
  const isEarly = dies && nextFloat(random) < 0.5;
  await untilReady(() => hasWords(parts, model));
  for (let writes = 0; writes < 3; writes++) {
    await workload.insert(model, writes);
    await untilReady(() => workload.flush(model));
  }
  const page = (at: bigint): Promise<Page> => pageOf(parts, model, at);
  let first: Page;
  await untilReady(async () => {
    first = await page(0n);
    return first !== undefined;
  });
  if (first === undefined || first === 'refused') return;
  const { keys, at } = first;
  for (const one of [0, 1, 2]) await workload.delete(model, one);
  await untilReady(() => workload.flush(model));
  if (isEarly) die();
  await untilReady(() => workload.compact(model));
  if (dies) await timers.sleep(nextFloat(random) * SETTLED_MS);
  if (!isEarly) die();
  await timers.sleep(SETTLED_MS);
  await untilReady(async () => {
    const again = await page(at);
    if (again === undefined) return false;
    if (again === 'refused' && dying.mayRefuse) return true;
    const now = again === 'refused' ? [] : again.keys;
    if (now.join() !== keys.join())
      throw new Violation(
        `an iterator loses rows: ${model.name} has ${now.length} rows at ${at}, had ${keys.length} when it began`,
      );
    return true;
  });
}
