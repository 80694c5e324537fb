// The rivals with a Python interface, in an environment of their own below bench/.rivals, made on first use.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = fileURLToPath(new URL('../.rivals/python-embedded/', import.meta.url));
export const pythonPath = join(home, 'bin/python');
const packages = ['numpy', 'qdrant-edge-py==0.9.0', 'chromadb', 'milvus-lite', 'pymilvus', 'setuptools'];
const durabilities = {
  'qdrant-edge': 'its own log, flushed at the end',
  chromadb: 'SQLite',
  'milvus-lite': 'SQLite',
};

/** @returns none when they do not install here; said on stderr, and why in the folder */
export function pythonEngines() {
  const failed = join(home, 'failed');
  if (existsSync(failed)) return [];
  if (!existsSync(pythonPath)) {
    console.error(`installing ${packages.join(', ')} into ${home} ...`);
    mkdirSync(home, { recursive: true });
    const venv = spawnSync('python3', ['-m', 'venv', home]);
    const pip = spawnSync(pythonPath, ['-m', 'pip', 'install', '-q', ...packages]);
    if (venv.status !== 0 || pip.status !== 0) {
      writeFileSync(failed, `${venv.stderr}${pip.stderr}`);
      console.error(`it did not install, left out (reason in ${failed}; delete that file to try again)`);
      return [];
    }
  }
  return Object.entries(durabilities).map(([name, durability]) => ({ name, durability, isPython: true }));
}
