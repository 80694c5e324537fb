// A process that runs the seeds it is sent, one after another, for `seed-pool.ts`.

import { sabotages } from './planted.js';
import { type SeedOutcome, type SeedTask, summarise } from './seed-outcome.js';
import { simulate } from './simulation.js';

process.on('message', (task: SeedTask) => {
  const sabotage = sabotages[process.argv[2] ?? '']?.sabotage();
  void simulate({ ...task, ...(sabotage === undefined ? {} : { sabotage }) }).then((result) => {
    const outcome: SeedOutcome = summarise(result);
    process.send?.(outcome);
  });
});
