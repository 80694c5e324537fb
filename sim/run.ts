// The command line of the simulation: `npm run sim -- --seed 7` for one seed, `--seeds 300` for many. Exit code 1 at a violation.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { simulate } from './simulation.js';

const LAST_LINES = 40;
const usage = 'usage: npm run sim -- [--seed N | --seeds COUNT [--from N]] [--steps M] [--trace FILE] [--keep-going]';

function wholeNumber(text: string | undefined, what: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${what} ${text}: expected a whole number\n${usage}`);
  return value;
}
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      from: { type: 'string' },
      steps: { type: 'string' },
      trace: { type: 'string' },
      'keep-going': { type: 'boolean' },
    },
  });
  const seed = wholeNumber(values.seed, 'seed');
  const count = wholeNumber(values.seeds, 'seeds') ?? 1;
  const first = seed ?? wholeNumber(values.from, 'from') ?? 1;
  const steps = wholeNumber(values.steps, 'steps');
  let operations = 0;
  let ran = 0;
  let violations = 0;
  for (let current = first; current < first + count; current++) {
    const result = await simulate({ seed: current, ...(steps === undefined ? {} : { steps }) });
    ran++;
    operations += result.operations;
    if (values.trace !== undefined) writeFileSync(values.trace, `${result.lines.join('\n')}\n`);
    const facts = `seed ${current}: ${result.operations} steps, ${result.lines.length} events, trace ${result.hash}`;
    if (result.violation === undefined) {
      if (count === 1) process.stdout.write(`${facts}\n`);
      continue;
    }
    violations++;
    process.stdout.write(`${facts}\n  VIOLATION ${result.violation}\n`);
    if (values['keep-going'] === true) continue;
    process.stdout.write(
      `  the last events:\n${result.lines
        .slice(-LAST_LINES)
        .map((line) => `    ${line}\n`)
        .join('')}`,
    );
    process.stdout.write(`  again: npm run sim -- --seed ${current}${steps === undefined ? '' : ` --steps ${steps}`} --trace FILE\n`);
    break;
  }
  process.stdout.write(`sim: ${ran} seeds, ${operations} steps, ${violations} violations\n`);
  if (violations > 0) process.exitCode = 1;
}
await main();
