// Question: what does a start cost this checkout beside another built one? Programs of the two in turns over one folder: processor time of all their
// threads, and ms of loading the code, of open() and from there to the first answer; medians, and the best of each.
//
//     node bench/start-cpu.mjs --base ../other [--set quick] [--folder PATH] [--rounds 9]    (a folder that is missing is made and kept)
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeSet, openBase, openQueries } from './embedded/data.mjs';
import { engines } from './embedded/elanus.mjs';

/** One that ends while lmdb writes can wait for ever (docs/limits.md). */
const WAIT_MS = 60_000;
const words = process.argv.slice(2);
const option = (name, otherwise) =>
  words.includes(`--${name}`) ? words[words.indexOf(`--${name}`) + 1] : otherwise;
const set = option('set', 'quick');
const here = fileURLToPath(new URL('../', import.meta.url));
const roots = { base: resolve(option('base', here)), this: here };
const scratch = mkdtempSync(join(tmpdir(), 'elanus-start-'));
const folder = option('folder', join(scratch, 'data'));
/** The last that a program does, whichever checkout it is of. */
const counting = `data:text/javascript,process.on('exit', () => console.error(JSON.stringify(process.cpuUsage())))`;

function start(root) {
  // Each checkout reads its own copies of the queries.
  const child = join(root, 'bench/start-child.mjs');
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--no-warnings', '--import', counting, child, folder, set],
    { encoding: 'utf8', timeout: WAIT_MS },
  );
  if (status !== 0) throw new Error(stderr || 'a start did not end within a minute');
  const { user, system } = JSON.parse(stderr.trim().split('\n').at(-1));
  const { importMs, openMs, firstMs, rssMb } = JSON.parse(stdout);
  const totalMs = importMs + openMs + firstMs;
  return { cpuMs: (user + system) / 1000, importMs, openMs, firstMs, totalMs, rssMb };
}

try {
  makeSet(set);
  const typed = engines.find(({ name }) => name === 'elanus, typed client');
  if (!existsSync(folder)) await typed.load({ ...openQueries(set), base: openBase(set) }, folder);
  const measured = { base: [], this: [] };
  for (let round = 0; round < Number(option('rounds', '9')); round++)
    for (const name of round % 2 === 0 ? ['base', 'this'] : ['this', 'base'])
      measured[name].push(start(roots[name]));
  console.log(`${set}, ${measured.this.length} starts each in turns, load ${loadavg()[0].toFixed(1)}`);
  for (const what of Object.keys(measured.this[0])) {
    const of = (name) => measured[name].map((one) => one[what]).sort((a, b) => a - b);
    const shown = (name) => `${of(name)[of(name).length >> 1].toFixed(0)} (best ${of(name)[0].toFixed(0)})`;
    console.log(`${what}: base ${shown('base')}, this ${shown('this')}`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
