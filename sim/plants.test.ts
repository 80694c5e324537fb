// The list of planted faults follows the code: each piece that is replaced is in the built files exactly once. Whether seeds find them is
// tried by `npm run sim -- --planted`, and for one of them here.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Edit } from './plant.js';
import { applyEdit, plantNames, plants } from './plants.js';

test.each(plantNames)('%s', (name) => {
  const sources = new Map<string, string>();
  const edits: readonly Edit[] = plants[name].edits;
  for (const edit of edits)
    sources.set(
      edit.file,
      applyEdit(sources.get(edit.file) ?? readFileSync(`dist/${edit.file}`, 'utf8'), edit),
    );
});

test('a seed finds a planted fault', () => {
  const built = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.sim.json'], {
    encoding: 'utf8',
  });
  expect(built.stdout).toBe('');
  const options = [
    'dist-sim/run.js',
    '--planted',
    '--plant',
    'second-neighbour-missing',
    '--seeds',
    '5',
    '--jobs',
    '1',
  ];
  const run = spawnSync(process.execPath, options, { encoding: 'utf8' });
  expect(run.stdout).toMatch(/seed \d: (an acknowledged row is lost|a search)/);
});
