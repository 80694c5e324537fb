// The command line of the simulation: `npm run sim -- --seed 7` for one seed, `--seeds 300` for many. Exit code 1 at a violation.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { sabotages } from './planted.js';
import { plants } from './plants.js';
import { type SeedOutcome, type SeedTask, summarise } from './seed-outcome.js';
import { runSeeds } from './seed-pool.js';
import { simulate } from './simulation.js';

const usage =
  'usage: npm run sim -- [--seed N [--trace FILE] | --seeds COUNT [--from N] [--jobs J] [--keep-going] [--plant NAME] | --planted [--seeds COUNT] [--from N]] [--steps M] [--scenario NAME]';
/** Seeds within which each planted fault must show. */
const PLANTED_SEEDS = 500;

function wholeNumber(text: string | undefined, what: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`--${what} ${text}: expected a whole number\n${usage}`);
  return value;
}

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Adds up what the seeds did, and reports each violation. */
class Report {
  ran = 0;
  operations = 0;
  violations = 0;
  readonly #hashes = new Map<number, string>();
  readonly #again: string;
  readonly #isBrief: boolean;

  constructor(again: string, isBrief: boolean) {
    this.#again = again;
    this.#isBrief = isBrief;
  }

  /** One figure for all traces: the same before and after a change that only moves or formats code. */
  get digest(): string {
    const lines = [...this.#hashes].sort(([a], [b]) => a - b).map((pair) => pair.join(' '));
    return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);
  }

  add({ seed, operations, events, hash, violation, lastLines }: SeedOutcome, isAlone: boolean): void {
    this.ran++;
    this.operations += operations;
    this.#hashes.set(seed, hash);
    const facts = `seed ${seed}: ${operations} steps, ${events} events, trace ${hash}`;
    if (violation === undefined) {
      if (isAlone) print(facts);
      return;
    }
    this.violations++;
    print(`${facts}\n  VIOLATION ${violation}`);
    if (this.#isBrief) return;
    print(`  the last events:\n${lastLines.map((line) => `    ${line}`).join('\n')}`);
    print(`  again: npm run sim -- --seed ${seed}${this.#again} --trace FILE`);
  }
}

/** Tries every planted fault until a seed finds it, and prints a table. @returns how many were not found */
async function tryPlants(
  seeds: readonly number[],
  jobs: number,
  only: string | undefined,
  task: Omit<SeedTask, 'seed'>,
): Promise<number> {
  let missed = 0;
  const all = [...Object.entries(sabotages), ...Object.entries(plants)].filter(
    ([name]) => only === undefined || name === only,
  );
  for (const [plant, planted] of all) {
    const { what } = planted;
    const scenario = task.scenario ?? ('scenario' in planted ? planted.scenario : undefined);
    const begin = performance.now();
    let found: SeedOutcome | undefined;
    let problem: string | undefined;
    const onOutcome = (outcome: SeedOutcome): boolean => {
      if (outcome.violation !== undefined) found = outcome;
      return found === undefined;
    };
    await runSeeds(seeds, {
      ...{ jobs, plant, onOutcome },
      task: scenario === undefined ? task : { ...task, scenario },
    }).catch((error: unknown) => {
      problem = String(error);
    });
    if (found === undefined) missed++;
    const result =
      problem ??
      (found === undefined
        ? `NOT caught by ${seeds.length} seeds`
        : `seed ${found.seed}: ${found.violation?.split('\n')[0]?.slice(0, 90)}`);
    print(
      `${plant.padEnd(26)} ${((performance.now() - begin) / 1000).toFixed(1).padStart(6)} s  ${result}  (${what})`,
    );
  }
  print(`sim: ${all.length} planted faults, ${missed} not caught`);
  return missed;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      from: { type: 'string' },
      steps: { type: 'string' },
      scenario: { type: 'string' },
      jobs: { type: 'string' },
      trace: { type: 'string' },
      plant: { type: 'string' },
      planted: { type: 'boolean' },
      'keep-going': { type: 'boolean' },
    },
  });
  const seed = wholeNumber(values.seed, 'seed');
  const count = wholeNumber(values.seeds, 'seeds') ?? 1;
  const first = seed ?? wholeNumber(values.from, 'from') ?? 1;
  const steps = wholeNumber(values.steps, 'steps');
  const jobs = Math.min(count, Math.max(1, wholeNumber(values.jobs, 'jobs') ?? availableParallelism()));
  const task = {
    ...(steps === undefined ? {} : { steps }),
    ...(values.scenario === undefined ? {} : { scenario: values.scenario }),
  };
  if (values.planted === true) {
    const planted = wholeNumber(values.seeds, 'seeds') ?? PLANTED_SEEDS;
    const missed = await tryPlants(
      Array.from({ length: planted }, (_, at) => first + at),
      wholeNumber(values.jobs, 'jobs') ?? availableParallelism(),
      values.plant,
      task,
    );
    if (missed > 0) process.exitCode = 1;
    return;
  }
  const keepsGoing = values['keep-going'] === true;
  const again = Object.entries(task).map(([name, value]) => ` --${name} ${value}`);
  const report = new Report(again.join(''), keepsGoing);
  if (count === 1) {
    const result = await simulate({ seed: first, ...task });
    if (values.trace !== undefined) writeFileSync(values.trace, `${result.lines.join('\n')}\n`);
    report.add(summarise(result), true);
  } else {
    const seeds = Array.from({ length: count }, (_, at) => first + at);
    await runSeeds(seeds, {
      jobs,
      task,
      onOutcome: (outcome) => {
        report.add(outcome, false);
        return keepsGoing || report.violations === 0;
      },
    });
  }
  print(
    `sim: ${report.ran} seeds, ${report.operations} steps, ${report.violations} violations, all traces ${report.digest}`,
  );
  if (report.violations > 0) process.exitCode = 1;
}

await main();
