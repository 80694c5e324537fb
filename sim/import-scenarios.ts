// An import whose processes die one after the other, wherever it is: between any two steps of its journal, of its files, and of its commit.
import { nextFloat } from '#base/random.js';
import type { Host } from './cluster.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';

/** Calls take up to so long, so that deaths fall between steps. */
const STORE_MS = 300;
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
