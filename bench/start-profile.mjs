// Question: what does the main thread do, phase by phase, from the start of a program to its first answer, and when does it stand still? Prints for
// each phase of start-child.mjs its length, how long the thread was idle, and the functions that took the most.
//
//     node bench/start-profile.mjs [SET] [FOLDER]    (quick unless given; a folder that is missing is made and kept, none: one that goes)
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeSet, openBase, openQueries } from './embedded/data.mjs';
import { engines } from './embedded/elanus.mjs';

/** One that ends while lmdb writes can wait for ever (docs/limits.md). */
const WAIT_MS = 60_000;
const SHOWN = 15;
const INTERVAL_US = 100;
const [, , set = 'quick', given] = process.argv;
const scratch = mkdtempSync(join(tmpdir(), 'elanus-profile-'));
const folder = given ?? join(scratch, 'data');
try {
  makeSet(set);
  const typed = engines.find(({ name }) => name === 'elanus, typed client');
  if (!existsSync(folder)) await typed.load({ ...openQueries(set), base: openBase(set) }, folder);
  for (const phase of profiled()) print(phase);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** The phases of one start, each with ms by function. V8's samples and Node's hrtime are of one clock. */
function profiled() {
  const child = fileURLToPath(new URL('start-child.mjs', import.meta.url));
  const flags = ['--cpu-prof', '--cpu-prof-interval', String(INTERVAL_US), '--cpu-prof-dir', scratch];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--no-warnings', ...flags, child, folder, set],
    { encoding: 'utf8', timeout: WAIT_MS },
  );
  if (status !== 0) throw new Error(stderr || 'a start did not end within a minute');
  const { marks } = JSON.parse(stdout);
  const file = readdirSync(scratch).find((name) => name.endsWith('.0.001.cpuprofile'));
  const { nodes, samples, timeDeltas, startTime } = JSON.parse(readFileSync(join(scratch, file), 'utf8'));
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
  const phases = marks.map(({ name, at }, i) => ({
    ...{ name, begin: marks[i - 1]?.at ?? startTime, end: at, by: new Map() },
  }));
  let now = startTime;
  for (const [i, sample] of samples.entries()) {
    now += timeDeltas[i];
    const phase = phases.find(({ begin, end }) => now >= begin && now < end);
    const name = names.get(sample);
    phase?.by.set(name, (phase.by.get(name) ?? 0) + (timeDeltas[i + 1] ?? 0) / 1000);
  }
  return phases;
}

function nameOf({ callFrame: { functionName, url, lineNumber } }) {
  return url === '' ? functionName : `${functionName || 'top level'} ${basename(url)}:${lineNumber + 1}`;
}

function print({ name, begin, end, by }) {
  const idle = by.get('(idle)') ?? 0;
  console.log(`${name}: ${((end - begin) / 1000).toFixed(0)} ms, idle for ${idle.toFixed(0)}`);
  const most = [...by].filter(([what]) => what !== '(idle)').sort((a, b) => b[1] - a[1]);
  for (const [what, ms] of most.slice(0, SHOWN)) console.log(`  ${ms.toFixed(1).padStart(6)} ${what}`);
}
