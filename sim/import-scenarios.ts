// Imports under trouble: their processes die one after the other, between any two steps of the journal, of the files, and of the commit; and readers
// look again and again while they commit.
import { nextFloat } from '#base/random.js';
import type { Host } from './cluster.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';
import type { SimCollection } from './workload.js';

/** Calls take up to so long, so that deaths fall between steps. */
const STORE_MS = 300;
const READS = 40;
const hostsOfAnImport: readonly Host[] = ['coord', 'spare', 'query', 'stream'];

export async function importInterrupted(
  { imports, processes, random, timers, workload }: ScenarioParts,
  untilReady: UntilReady,
): Promise<void> {
  await imports.begin(0, untilReady);
  for (const host of hostsOfAnImport) {
    processes[host].troubles.objects = { refused: 0, lost: 0, delayMs: STORE_MS };
    processes[host].troubles.meta = { refused: 0, lost: 0, delayMs: STORE_MS / 3 };
  }
  await imports.begin(2, untilReady);
  for (let deaths = 0; deaths < 3; deaths++) {
    await timers.sleep(nextFloat(random) * 2000);
    const dying = workload.one(hostsOfAnImport);
    processes[dying].crash(random, nextFloat(random) < 0.2);
    processes[dying].start();
    await imports.poll();
  }
  for (const host of hostsOfAnImport) processes[host].troubles.heal();
  await imports.finish(untilReady);
  await imports.compare(untilReady);
}

/** Rows are read again and again while imports commit: in every shard, or in none. Segments are loaded slowly, and now and then a process dies. */
export async function importReadMeanwhile(
  { imports, processes, random, timers, workload }: ScenarioParts,
  untilReady: UntilReady,
): Promise<void> {
  await imports.begin(0, untilReady);
  processes.query.troubles.objects = { refused: 0, lost: 0, delayMs: STORE_MS };
  await imports.begin(2, untilReady);
  const deathAt = Math.floor(nextFloat(random) * READS * 2);
  for (let read = 0; read < READS; read++) {
    await timers.sleep(nextFloat(random) * 200);
    if (read === deathAt) {
      const dying = workload.one(hostsOfAnImport);
      processes[dying].crash(random, false);
      processes[dying].start();
    }
    if (read % 4 === 3) await imports.poll();
    if (read % 2 === 0) await imports.lookAtNewest();
    else await imports.look();
  }
  processes.query.troubles.heal();
  await imports.finish(untilReady);
  await imports.compare(untilReady);
}

/** A field comes, or goes and comes anew, while an import reads its file and writes segments, while rows grow, and while these are flushed. */
export async function fieldAddedMeanwhile(
  { definitions, processes, random, timers, workload }: ScenarioParts,
  collection: SimCollection,
  untilReady: UntilReady,
): Promise<void> {
  const { model } = collection;
  const partition = model.spec.partitions === 'named' ? 'p0' : '';
  for (const host of ['query', 'stream'] as const)
    processes[host].troubles.objects = { refused: 0, lost: 0, delayMs: STORE_MS * 2 };
  for (let changes = 0; changes < 2; changes++) {
    // Where the value of a field decides, files of rows do not have it.
    const importing = model.spec.partitions === 'key' ? undefined : definitions.import(collection, partition);
    await timers.sleep(nextFloat(random) * 1500);
    await workload.insert(model, 0, partition);
    const flushing = workload.flush(model);
    await definitions.beginField(collection);
    for (const client of [0, 1]) await workload.insert(model, client, partition);
    if (nextFloat(random) < 0.4) {
      const dying = workload.one(hostsOfAnImport);
      processes[dying].crash(random, false);
      processes[dying].start();
    }
    await workload.upsert(model, 0);
    await Promise.all([importing, flushing]);
    await workload.flush(model);
    for (const host of ['query', 'stream'] as const) processes[host].troubles.heal();
    await definitions.finish(untilReady);
  }
  await untilReady(() => workload.compact(model));
}
