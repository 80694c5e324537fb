// The same seed gives the same trace, byte for byte: twice in one process, after other runs, and in another process.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { simulate } from './simulation.js';

const SEED = 5;
const STEPS = 45;

test('one seed twice in one process', async () => {
  const first = await simulate({ seed: SEED, steps: STEPS });
  await simulate({ seed: SEED + 1, steps: STEPS });
  const second = await simulate({ seed: SEED, steps: STEPS });
  expect(second.lines).toEqual(first.lines);
  expect(second.hash).toBe(first.hash);
  expect(first.lines.length).toBeGreaterThan(100);
});

test('another seed gives another trace', async () => {
  const [first, second] = [
    await simulate({ seed: SEED, steps: STEPS }),
    await simulate({ seed: SEED + 1, steps: STEPS }),
  ];
  expect(second.hash).not.toBe(first.hash);
});

test('one seed in two processes', async () => {
  const script = `const { simulate } = await import('./dist-sim/simulation.js'); process.stdout.write((await simulate({ seed: ${SEED}, steps: ${STEPS} })).lines.join('\\n'));`;
  const built = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.sim.json'], {
    encoding: 'utf8',
  });
  expect(built.stdout).toBe('');
  const [first, second] = [0, 1].map(() =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
  );
  expect(first?.stderr).toBe('');
  expect(first?.stdout.split('\n').length).toBeGreaterThan(100);
  expect(second?.stdout).toBe(first?.stdout);
});
