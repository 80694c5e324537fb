// Question: what does a program pay that searches vectors in its own process? Elanus in process and through the Milvus SDK beside other
// embedded engines, each in a process of its own, one after the other in one run. Seeded vectors of low intrinsic dimension, k 10, the
// cheapest width of recall .95. Prints inserts, build, restart to the first result, rates, latencies, filters, memory and disk.
//
// A clone and Node are all that is needed (`npm ci && npm run -s build` first): rivals are installed below bench/.rivals, sets are made in
// bench/.data. All of it ends within `--minutes`: a load that would take longer is given up, and its row says so.
//
//     node bench/embedded.mjs [--quick] [--set texts|points|small|quick] [--only NAME,NAME] [--seconds 2] [--rounds 1] [--minutes 24]
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Budget } from './embedded/budget.mjs';
import { makeSet, sets } from './embedded/data.mjs';
import { engines as ours } from './embedded/elanus.mjs';
import { pythonEngines, pythonPath } from './embedded/python.mjs';
import { engines as rivals } from './embedded/rivals.mjs';
import { installs, whyLeftOut } from './rivals.mjs';

const here = fileURLToPath(new URL('./', import.meta.url));
const words = process.argv.slice(2);
const option = (name) => words[words.indexOf(`--${name}`) + 1];
const isQuick = words.includes('--quick');
const chosenSets = words.includes('--set') ? [option('set')] : isQuick ? ['quick'] : ['texts', 'points'];
const only = words.includes('--only') ? option('only').split(',') : undefined;
const seconds = words.includes('--seconds') ? option('seconds') : isQuick ? '0.5' : '2';
const rounds = Number(words.includes('--rounds') ? option('rounds') : '1');
const budget = new Budget(Number(words.includes('--minutes') ? option('minutes') : '24') * 60_000);

function runChild(engine, phase, { set, folder, timeoutMs }) {
  if (timeoutMs <= 0) throw new Error('not begun: the time of the run was over; give it more --minutes');
  const args = [phase, engine.name, set, folder, seconds];
  const [program, script] = engine.isPython
    ? [pythonPath, 'embedded/driver.py']
    : [process.execPath, 'embedded/child.mjs'];
  const flags = engine.isPython ? [] : ['--no-warnings'];
  const { stdout, stderr, status, error } = spawnSync(program, [...flags, join(here, script), ...args], {
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 24,
  });
  if (error?.code === 'ETIMEDOUT')
    throw new Error(`${phase} not done after ${Math.round(timeoutMs / 1000)} s; give it more --minutes`);
  const line = stdout?.trim().split('\n').pop();
  if (status !== 0 || !line) throw new Error(`${engine.name}, ${phase}: ${stderr?.trim().slice(-500)}`);
  return JSON.parse(line);
}

const diskMb = (folder) =>
  Math.round(Number(execFileSync('du', ['-sk', folder]).toString().split('\t')[0]) / 1024);

/** All engines are loaded first; then they are searched in turns, so that a busy moment meets all of them. */
function measureAll(engines, set) {
  const home = mkdtempSync(join(tmpdir(), 'elanus-embedded-'));
  const measured = engines.map((engine, at) => ({ engine, folder: join(home, `${at}`), searches: [] }));
  const tried = (one, work) => {
    try {
      if (one.failed === undefined) work();
    } catch (error) {
      one.failed = String(error.message).replaceAll(/\s+/g, ' ');
    }
  };
  const load = (one, at) => {
    const maker = measured.find(({ engine }) => engine.name === one.engine.searchesFilesOf);
    if (maker?.loaded !== undefined) {
      one.folder = maker.folder;
      return;
    }
    console.error(`${one.engine.name} loads ...`);
    const { folder } = one;
    const timeoutMs = budget.loadMs({ loads: measured.length - at, searches: measured.length * rounds });
    one.loaded = runChild(one.engine, 'load', { set, folder, timeoutMs });
    one.disk = existsSync(folder) ? diskMb(folder) : 0;
  };
  try {
    for (const [at, one] of measured.entries()) tried(one, () => load(one, at));
    for (let round = 0; round < rounds; round++)
      for (const one of measured)
        tried(one, () => {
          console.error(`${one.engine.name} searches ...`);
          const { folder, engine } = one;
          one.searches.push(runChild(engine, 'search', { set, folder, timeoutMs: budget.searchMs() }));
        });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
  return measured.map((one) => ({ ...one, searched: one.searches.length > 0 ? median(one.searches) : {} }));
}

/** Number by number. */
function median(results) {
  const [first] = results;
  if (typeof first === 'number') return results.toSorted((a, b) => a - b)[results.length >> 1];
  if (typeof first !== 'object' || first === null) return first;
  const parts = Object.keys(first).map((key) => [key, median(results.map((one) => one[key]))]);
  return Object.fromEntries(parts);
}

const rounded = (value, digits = 0) =>
  value === undefined ? '' : value.toLocaleString('en', { maximumFractionDigits: digits });

function row({ engine, loaded, disk, searched }, { rows }) {
  const { atFirst, one, eight, filtered } = searched;
  const latency = ({ p50, p99 }) => `${p50.toFixed(2)}, ${p99.toFixed(2)}`;
  const passing = Object.values(filtered).map(({ qps, recall }) => `${rounded(qps)} @ ${recall.toFixed(2)}`);
  return [
    engine.name,
    loaded && rounded((rows / loaded.insertMs) * 1000),
    loaded && rounded(loaded.buildMs / 1000, 1),
    rounded(searched.firstMs),
    searched.recall.toFixed(3),
    `${rounded(atFirst.qps)}, ${rounded(one.qps)}`,
    latency(one),
    rounded(eight.qps),
    latency(eight),
    passing.join('; '),
    loaded ? `${rounded(loaded.rssMb)}, ${rounded(searched.rssMb)}` : rounded(searched.rssMb),
    rounded(disk),
    engine.durability,
  ];
}

const head = [
  'engine',
  'rows/s inserted',
  'build s',
  'restart to first result ms',
  'recall',
  'searches/s, 1 caller: at first, warm',
  'p50, p99 ms',
  '8 callers',
  'p50, p99 ms',
  'filtered 1, 10, 50 %: searches/s @ recall',
  'resident MB after load, in search',
  'disk MB',
  'an insert is durable',
];

const isWanted = (name) => only === undefined || only.some((part) => name.includes(part));
/** Those that say most, and load fast, come first: what the time is over for are the last ones. */
const order = [
  'typed',
  'calls',
  'bare',
  'qdrant',
  'hnswlib',
  'usearch',
  'lancedb',
  'sqlite',
  'chroma',
  'SDK',
];
const placeOf = ({ name }) => {
  const place = order.findIndex((part) => name.includes(part));
  return place < 0 ? order.length : place;
};
const all = [
  ...[...ours, ...rivals].filter(({ name }) => isWanted(name)),
  ...pythonEngines(isWanted, () => budget.installMs()),
].sort((one, other) => placeOf(one) - placeOf(other));
if (only === undefined || all.includes(ours.find(({ name }) => name.includes('typed'))))
  console.log(
    execFileSync(process.execPath, [join(here, 'embedded/overhead.mjs')], { encoding: 'utf8' }).trim(),
  );
for (const [at, set] of chosenSets.entries()) {
  budget.beginPart(chosenSets.length - at);
  makeSet(set);
  const { rows, dim, metric } = sets[set];
  console.log(
    `\n${set}: ${rows.toLocaleString('en')} x ${dim}, ${metric}; ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}, Node ${process.version}\n`,
  );
  console.log(`| ${head.join(' | ')} |\n|${head.map(() => '---').join('|')}|`);
  const there = [];
  for (const engine of all) {
    installs.msMax = budget.installMs();
    const leftOut = (await engine.isInstalled?.()) === false ? whyLeftOut(engine.name) : engine.leftOut;
    if (leftOut === undefined) there.push(engine);
    else console.log(`| ${engine.name} | left out: ${leftOut} |`);
  }
  for (const one of measureAll(there, set))
    console.log(
      one.failed === undefined
        ? `| ${row(one, sets[set]).join(' | ')} |`
        : `| ${one.engine.name} | failed: ${one.failed} |`,
    );
  console.log(
    `\nload at the end ${loadavg()[0].toFixed(1)}; searches in ${rounds} rounds, medians; ${Math.round(budget.spentMs() / 1000)} s since the run began`,
  );
}
