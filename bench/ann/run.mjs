// Approximate search beside other products: queries per second at equal recall, memory, build time, filters; every engine in a process
// of its own, one query at a time from JavaScript, engines taking turns width by width and round by round (only one works at a time).
// Run on a built tree: node bench/ann/run.mjs [--sets words,sift,text,small] [--indexes HNSW,HNSW_SQ8] [--rivals hnswlib-node,usearch|none]
//   [--rows N|words=N,…] [--rounds N] [--skip filters,builds] [--build-rows N] [--quick] [--json FILE]
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { ensureBuilt } from './built.mjs';
import { dataSets } from './datasets.mjs';
import { allEngines, startEngine } from './engines.mjs';
import { K } from './parameters.mjs';
import { markdownOf, qpsAt } from './report.mjs';
import { PASS_SHARES } from './sets.mjs';

const { values: options } = parseArgs({
  options: {
    sets: { type: 'string' },
    indexes: { type: 'string' },
    rivals: { type: 'string' },
    rows: { type: 'string' },
    rounds: { type: 'string' },
    skip: { type: 'string', default: '' },
    'build-rows': { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

const listed = (text) => text.split(',').filter((one) => one !== '');
const setNames = listed(options.sets ?? (options.quick ? 'small' : 'words,sift,text'));
const unknown = setNames.filter((name) => !(name in dataSets));
if (unknown.length > 0) fail(`no set ${unknown}; there are ${Object.keys(dataSets)}`);
/** `--rows N` for all sets, or `--rows words=N,text=N`: sets that are not named stay whole. */
function rowsOf(name) {
  const part = options.rows?.split(',').find((one) => !one.includes('=') || one.startsWith(`${name}=`));
  if (part !== undefined) return Number(part.split('=').at(-1));
  return options.quick && options.rows === undefined ? 20_000 : undefined;
}

const rounds = Number(options.rounds ?? 3);
const skipped = listed(options.skip);
const buildRows = Number(options['build-rows'] ?? (options.quick ? 5000 : 20_000));
const budgetMs = options.quick ? 500 : 2000;
/** Widths past the first that reaches this are not measured. */
const RECALL_ENOUGH = 0.998;
const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

const engines = await chosenEngines();
const report = {
  when: new Date().toISOString(),
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
  node: process.version,
  machine: `${cpus()[0].model}, ${availableParallelism()} cores`,
  k: K,
  rounds,
  quick: options.quick,
  sets: [],
};

for (const name of setNames) {
  const result = await measureSet(name);
  report.sets.push(result);
  console.log(`\n${markdownOf(result)}`);
  if (options.json) writeFileSync(options.json, `${JSON.stringify(report, undefined, 1)}\n`);
}

function fail(text) {
  console.error(text);
  process.exit(2);
}

async function chosenEngines() {
  const all = await allEngines();
  const mine = options.indexes ? listed(options.indexes).map((name) => `elanus ${name}`) : undefined;
  const theirs = options.rivals === 'none' ? [] : options.rivals && listed(options.rivals);
  const missing = [...(mine ?? []), ...(theirs ?? [])].filter(
    (name) => !all.some((one) => one.name === name),
  );
  if (missing.length > 0)
    fail(`no engine ${missing.join(', ')}; there are ${all.map((one) => one.name).join(', ')}`);
  const isChosen = ({ name, ours, isExtra }) =>
    (ours ? mine : theirs) === undefined ? !isExtra : (ours ? mine : theirs).includes(name);
  return all.filter((one) => isChosen(one) && one.isInstalled());
}

async function measureSet(name) {
  const loadBefore = loadavg()[0];
  const rowsAsked = rowsOf(name);
  const running = [];
  let set;
  try {
    for (const engine of engines) {
      try {
        const threads = Math.max(1, ...engine.buildThreads.filter((count) => count <= 2));
        const { file, ...build } = await ensureBuilt(engine, name, rowsAsked, threads);
        const child = await startEngine(engine, name, rowsAsked);
        const entry = { engine, child, build, points: [], filtered: {} };
        running.push(entry);
        const { bytes, bytesAre, canFilter } = await child.open({
          file,
          shares: skipped.includes('filters') ? [] : PASS_SHARES,
        });
        set = child.set;
        Object.assign(entry, { bytesPerVector: bytes / set.rows, bytesAre, canFilter, isOpen: true });
      } catch (error) {
        console.error(`${name}: left out: ${error.message}`);
      }
    }
    const open = running.filter((one) => one.isOpen);
    await rotate(
      open,
      ({ points }) => points,
      undefined,
      ({ engine }) => engine.widths,
    );
    if (!skipped.includes('filters')) {
      for (const share of PASS_SHARES) {
        const list = open.filter((one) => one.canFilter);
        for (const { filtered } of list) filtered[share] = [];
        await rotate(
          list,
          ({ filtered }) => (filtered[share] ??= []),
          share,
          ({ engine }) => engine.filterWidths ?? engine.widths,
        );
      }
    }
    const results = open.map(({ engine, build, bytesPerVector, bytesAre, points, filtered }) => ({
      name: engine.name,
      version: engine.version,
      ours: engine.ours === true,
      parameters: engine.parameters,
      widthName: engine.widthName,
      bytesPerVector,
      bytesAre,
      build,
      points,
      filtered,
      at: Object.fromEntries([0.9, 0.95, 0.99].map((recall) => [recall, qpsAt(points, recall)])),
    }));
    await stopAll(running);
    const builds = skipped.includes('builds') ? [] : await compareBuilds(name, set.rows);
    const load = { before: loadBefore, after: loadavg()[0] };
    return {
      name,
      key: set.key,
      rows: set.rows,
      dim: set.dim,
      metric: set.metric,
      load,
      engines: results,
      builds,
    };
  } finally {
    await stopAll(running);
  }
}

async function stopAll(running) {
  for (const { child } of running.splice(0)) await child.stop();
}

/** Rounds of turns, engine after engine at each place of their lists of widths. Recall is that of the first turn. */
async function rotate(entries, pointsOf, share, widthsOf) {
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; entries.some((entry) => at < widthsOf(entry).length); at++) {
      for (const entry of entries) {
        const width = widthsOf(entry)[at];
        const points = pointsOf(entry);
        if (width === undefined || entry.hasFailed) continue;
        if (round === 0 && points.some(({ recall }) => recall >= RECALL_ENOUGH)) continue;
        if (round > 0 && points[at] === undefined) continue;
        try {
          const turn = await entry.child.turn({ width, share, k: K, budgetMs });
          if (turn === undefined) continue;
          points[at] ??= { width, recall: turn.recall, queries: turn.queries, rounds: [] };
          const point = points[at];
          point.rounds.push({ cpuQps: turn.cpuQps, wallQps: turn.wallQps });
          point.cpuQps = median(point.rounds.map(({ cpuQps }) => cpuQps));
          point.wallQps = median(point.rounds.map(({ wallQps }) => wallQps));
        } catch (error) {
          entry.hasFailed = true;
          console.error(
            `${entry.engine.name}, width ${width}${share === undefined ? '' : `, ${share} passing`}: ${error.message}`,
          );
        }
      }
    }
    console.error(
      `round ${round + 1} of ${rounds}${share === undefined ? '' : `, ${share * 100} % passing`}, load ${loadavg()[0].toFixed(1)}`,
    );
  }
}

/** The same rows, one engine after the other, one thread and two. */
async function compareBuilds(name, rows) {
  const builds = [];
  for (const threads of [1, 2]) {
    for (const engine of engines.filter((one) => one.buildThreads.includes(threads))) {
      try {
        const { file, ...took } = await ensureBuilt(engine, name, Math.min(buildRows, rows), threads);
        builds.push({ name: engine.name, ours: engine.ours === true, ...took });
      } catch (error) {
        console.error(`${name}: build left out: ${error.message}`);
      }
    }
  }
  return builds;
}
