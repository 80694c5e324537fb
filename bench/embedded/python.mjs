// The rivals with a Python interface, in an environment of their own below bench/.rivals, made on first use; each is installed by itself.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = fileURLToPath(new URL('../.rivals/python-embedded/', import.meta.url));
export const pythonPath = join(home, 'bin/python');
const rivals = {
  'qdrant-edge': { packages: ['qdrant-edge-py==0.9.0'], durability: 'its own log, flushed at the end' },
  chromadb: { packages: ['chromadb'], durability: 'SQLite' },
  'milvus-lite': { packages: ['milvus-lite', 'pymilvus', 'setuptools'], durability: 'SQLite' },
};

/** @param timeoutMs of the next install @returns all of them; `leftOut` says of one that did not install why */
export function pythonEngines(isWanted, timeoutMs) {
  return Object.entries(rivals)
    .filter(([name]) => isWanted(name))
    .map(([name, { packages, durability }]) => ({
      ...{ name, durability, isPython: true },
      leftOut: installed(name, packages, timeoutMs()),
    }));
}

/** @returns undefined when it is there, else why it is not */
function installed(name, packages, timeout) {
  const file = (what) => join(home, `${what}-${name}`);
  if (existsSync(file('installed'))) return undefined;
  if (existsSync(file('failed'))) return readFileSync(file('failed'), 'utf8').trim();
  console.error(`installing ${packages.join(', ')} into ${home} ...`);
  mkdirSync(home, { recursive: true });
  const steps = [
    ...(existsSync(pythonPath) ? [] : [['python3', ['-m', 'venv', home]]]),
    [pythonPath, ['-m', 'pip', 'install', '-q', 'numpy', ...packages]],
  ];
  for (const [program, args] of steps) {
    const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout });
    if (status === 0) continue;
    const [last = error?.message] = (stderr ?? '').trim().split('\n').slice(-1);
    const late = error?.code === 'ETIMEDOUT' ? `not done after ${Math.round(timeout / 1000)} s` : undefined;
    const why = `it did not install: ${late ?? (last || error?.message)}`;
    writeFileSync(file('failed'), why);
    console.error(`${name}: ${why}; delete ${file('failed')} to try again`);
    return why;
  }
  writeFileSync(file('installed'), '');
  return undefined;
}
