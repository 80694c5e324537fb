// Built indexes are kept in bench/.data/ann, one per set, engine, version, parameters and number of threads, so that a second run only
// searches. What a build took is kept beside it.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startEngine } from './engines.mjs';
import { cacheFolder } from './sets.mjs';

const fileOf = (engine, key, threads) => {
  const parameters = Object.entries(engine.parameters).map(([name, value]) => `${name}${value}`);
  return join(
    cacheFolder,
    'ann',
    key,
    [engine.name.replaceAll(' ', '-'), engine.version, ...parameters, `${threads}t`].join('_'),
  );
};

/** @returns the file (or folder) of the index and what its build took, `remembered` when it was there already. */
export async function ensureBuilt(engine, set, rows, threads) {
  if (engine.buildThreads.length === 0) return { file: undefined };
  const key = rows ? `${set}-${rows}` : set;
  const file = fileOf(engine, key, threads);
  const notes = `${file}.json`;
  if (existsSync(notes)) return { file, ...JSON.parse(readFileSync(notes, 'utf8')), remembered: true };
  mkdirSync(join(cacheFolder, 'ann', key), { recursive: true });
  rmSync(file, { recursive: true, force: true });
  console.error(`${key}: building ${engine.name}, ${threads} thread${threads > 1 ? 's' : ''} ...`);
  const child = await startEngine(engine, set, rows);
  try {
    const took = { ...(await child.build({ file, threads })), rows: child.set.rows };
    writeFileSync(`${notes}.part`, JSON.stringify(took));
    renameSync(`${notes}.part`, notes);
    console.error(
      `${key}: ${engine.name} took ${took.seconds.toFixed(1)} s, ${took.cpuSeconds.toFixed(1)} s of CPU`,
    );
    return { file, ...took, remembered: false };
  } finally {
    await child.stop();
  }
}
