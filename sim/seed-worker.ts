// A process that runs the seeds it is sent, one after another, for `seed-pool.ts`.
import { type SeedOutcome, type SeedTask, summarise } from './seed-outcome.js';
import { simulate } from './simulation.js';

process.on('message', (task: SeedTask) => {
  void simulate(task).then((result) => {
    const outcome: SeedOutcome = summarise(result);
    process.send?.(outcome);
  });
});
