// What comes late: files that nobody names for long while they are written, a build that ends after its index was dropped, writes that go again
// because their answer never came, and memory that comes after a start.
import { ElanusError } from '#base/errors.js';
import { nextFloat } from '#base/random.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import type { SimCollection } from './workload.js';

/** Longer than the pause between two looks for files that nobody names, 9 s. */
const FLUSH_STORE_MS = 14_000;
const BUILD_STORE_MS = 1500;
/** Index files are built from 10 rows in a segment. */
const FLUSHES = 3;
const WRITES = 8;
const ANSWER_MS = 60;

/** A flush takes so long that its files are seen twice and thrice before the catalog names them. */
export async function flushedSlowly(
  { workload, processes, timers, random }: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  for (let writes = 0; writes < 3; writes++) await untilReady(() => workload.insert(model, writes));
  processes.stream.troubles.objects = { refused: 0, lost: 0, delayMs: FLUSH_STORE_MS };
  await workload.flush(model);
  await timers.sleep(30_000);
  processes.stream.troubles.heal();
  await untilReady(() => workload.flush(model));
  // From now on they are read from their files.
  processes.stream.crash(random, false);
  processes.stream.start();
  processes.query.crash(random, false);
  processes.query.start();
  await untilReady(() => workload.count(model));
}

/** An index of a scalar is dropped while its files are built, again and again. */
export async function droppedWhileBuilt(
  { client, workload, processes, timers, random }: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const ask = async (name: string, call: () => Promise<void>): Promise<boolean> => {
    const error = await workload.attempt(model, name, '', () => call().then(() => undefined));
    return error === undefined || (error instanceof ElanusError && error.key === 'index_not_found');
  };
  const drop = (): Promise<boolean> =>
    ask('drop-note-index', () => client.dropScalarIndex(model.name, 'note'));
  for (let flushes = 0; flushes < FLUSHES; flushes++) {
    for (let writes = 0; writes < 4; writes++) await untilReady(() => workload.insert(model, writes % 3));
    await untilReady(() => workload.flush(model));
  }
  processes.query.troubles.objects = { refused: 0, lost: 0, delayMs: BUILD_STORE_MS };
  await untilReady(drop);
  for (let lives = 0; lives < 3; lives++) {
    await untilReady(() =>
      ask('create-note-index', () => client.createScalarIndex(model.name, 'note', 'INVERTED')),
    );
    await timers.sleep(nextFloat(random) * BUILD_STORE_MS * 3);
    await untilReady(drop);
  }
  processes.query.troubles.heal();
  await timers.sleep(BUILD_STORE_MS * 4);
}

/** The owner dies behind its append and before its answer, again and again: rows are there once. */
export async function writtenAgain(
  { cluster, definitions, workload, processes, timers, random }: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  // Nothing of what was sent is deleted by then: one row too many is seen in the statistics.
  await definitions.replaceAll(untilReady, async () => {});
  for (let writes = 0; writes < WRITES; writes++) {
    cluster.network.setLink('stream', 'front', { delayMinMs: ANSWER_MS, delayMaxMs: ANSWER_MS });
    const dying = async (): Promise<void> => {
      await timers.sleep(nextFloat(random) * ANSWER_MS);
      processes.stream.crash(random, false);
      cluster.network.setLink('stream', 'front', { delayMinMs: 0.05, delayMaxMs: 0.5 });
      processes.stream.start();
    };
    await Promise.all([untilReady(() => workload.insert(model, writes % 3)), dying()]);
    await untilReady(() => workload.rowCount(model));
  }
}

/** Deletes by a filter, over deaths and displacements of the owner that finds the rows and takes the deletes. */
export async function deletedByFilter(
  { workload, processes, cluster, timers, random }: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  cluster.network.setLink('stream', 'front', { delayMinMs: 1, delayMaxMs: ANSWER_MS });
  for (let round = 0; round < WRITES; round++) {
    const client = round % 3;
    await untilReady(() => workload.insert(model, client));
    if (nextFloat(random) < 0.3) await workload.flush(model);
    const deleting = workload.delete(model, client, true);
    await timers.sleep(nextFloat(random) * ANSWER_MS * 2);
    const fate = nextFloat(random);
    if (fate < 0.3) processes.stream.crash(random, false);
    else if (fate < 0.5) processes.stream.haunt();
    processes.stream.start();
    await deleting;
    await untilReady(() => workload.count(model));
    processes.stream.exorcise();
  }
}

/** The owner starts without memory for what grows. It comes back a while later, and all rows with it. */
export async function shortOfMemory(
  { workload, processes, timers, random }: ScenarioParts,
  { model }: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  await untilReady(() => workload.flush(model));
  for (let writes = 0; writes < 3; writes++) await untilReady(() => workload.insert(model, writes));
  await workload.delete(model, 0);
  processes.stream.troubles.noMemory = 1;
  processes.stream.crash(random, nextFloat(random) < 0.3);
  processes.stream.start();
  await timers.sleep(1000 + nextFloat(random) * 8000);
  await workload.upsert(model, 1);
  processes.stream.troubles.heal();
  await untilReady(() => workload.count(model));
  await untilReady(() => workload.insert(model, 0));
}
