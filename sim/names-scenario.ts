// The active coordinator dies over changes of names and rights, again and again, before its catalog has them, or after it and before the answer:
// each is carried out once, and is never refused for what its own first try has done.
import { nextFloat } from '#base/random.js';
import type { ScenarioParts, UntilReady } from './scenarios.js';

const CHANGES = 5;
/** Transactions of the catalog are answered up to so long after they were carried out. */
const ANSWER_MS = 500;

export async function changedOverFailOver(
  { names, processes, random, timers }: ScenarioParts,
  untilReady: UntilReady,
): Promise<void> {
  for (let changes = 0; changes < CHANGES; changes++) {
    const active = processes.coord.isUp ? processes.coord : processes.spare;
    active.troubles.meta = { refused: 0, lost: 0, delayMs: 100, answerMs: ANSWER_MS };
    const dying = async (): Promise<void> => {
      await timers.sleep(nextFloat(random) * ANSWER_MS * 1.5);
      active.crash(random, false);
      active.troubles.heal();
      active.start();
    };
    await Promise.all([names.one(untilReady), dying()]);
  }
}
