// A truncate, and the death of the process that confirmed it right after: what was confirmed is durable, and an iterator that began before says
// that its rows are gone instead of ending early.
import { hasWords, type Page, pageOf } from './iterator-page.js';
import { Violation } from './model.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import type { SimCollection } from './workload.js';

/** Transactions of the catalog take up to so long: what is confirmed without waiting for one is not there yet when the process dies. */
const META_MS = 400;

export async function truncatedThenKilled(
  parts: ScenarioParts,
  collection: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const { workload, processes, definitions, random } = parts;
  const { model } = collection;
  await untilReady(() => hasWords(parts, model));
  for (let writes = 0; writes < 3; writes++) await workload.insert(model, writes);
  await untilReady(() => workload.flush(model));
  await workload.insert(model, 0);
  const page = (at: bigint): Promise<Page> => pageOf(parts, model, at);
  let first: Page;
  await untilReady(async () => {
    first = await page(0n);
    return first !== undefined;
  });
  processes.coord.troubles.meta = { refused: 0, lost: 0, delayMs: META_MS };
  await definitions.beginTruncate(collection);
  processes.coord.crash(random, false);
  processes.coord.troubles.heal();
  processes.coord.start();
  await definitions.finish(untilReady);
  await untilReady(() => workload.count(model));
  await untilReady(() => workload.search(collection, undefined, [], [], true));
  if (first === undefined || first === 'refused') return;
  const { keys, at } = first;
  await untilReady(async () => {
    const again = await page(at);
    if (again === undefined) return false;
    if (again !== 'refused' && again.keys.join() !== keys.join())
      throw new Violation(
        `an iterator ends early: ${model.name} has ${again.keys.length} rows at ${at}, had ${keys.length} before it was truncated`,
      );
    return true;
  });
}
