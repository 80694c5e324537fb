// Question: how much time of the processor does the build of an index take, and a search of it at recall .95, in this build of Elanus and
// in another?
// Data: seeded Gaussian clusters, L2: 20,000 rows of 128 dimensions, and for one build 200,000 of 32. Graphs have M 16 and efConstruction
// 200, lists are 256. Builds run on one thread, so that a graph is the same each time. Searches take k = 10, one query a call, on the calling
// thread; DISKANN with all pages in its cache. Each build of Elanus searches the index it made itself, at widths that give it a recall of
// .95 exactly: a share of the queries at one width, the others at the next.
// Metrics: processor time of the whole process, all threads, a build or a search (median of the rounds), and mine/base: the median of the
// ratios of the rounds, and the ratio of the fastest fifths. Each checkout has a process of its own; one works while the other waits, in
// short turns, so load of the machine meets both alike.
// Run:  npx node bench/build-cpu.mjs --base PATH [--mine PATH] [--rounds N] [--only TEXT]
// where PATH is a checkout with `dist/`; `--mine` is this one unless given. PATH twice shows the noise of the machine.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const here = resolve(import.meta.dirname, '..');
const child = resolve(import.meta.dirname, 'build-cpu-child.mjs');
/** Turns of searches in a round's place: they are a tenth of a second. */
const SEARCH_TURNS = 10;

const small = { rows: 20_000, dim: 128 };
const large = { rows: 200_000, dim: 32 };
const cases = [
  ...['HNSW', 'HNSW_SQ8', 'IVF_SQ8', 'DISKANN'].map((index) => ({ act: 'build', index, ...small, share: 1 })),
  { act: 'build', index: 'HNSW', ...large, share: 1 / 4 },
  ...['HNSW', 'HNSW_SQ8', 'DISKANN'].map((index) => ({
    act: 'search',
    index,
    ...small,
    share: SEARCH_TURNS,
  })),
].map((one) => ({ ...one, name: `${one.act} ${one.index} ${one.rows} x ${one.dim}` }));

/** @returns a call to the process of a checkout; it answers one at a time */
function startBuild(root) {
  const process = fork(child, [root], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const failed = once(process, 'exit').then(([code]) => {
    throw new Error(`the process of ${root} ended with ${code}`);
  });
  failed.catch(() => {});
  return {
    process,
    async call(request) {
      const answered = once(process, 'message');
      process.send(request);
      return (await Promise.race([answered, failed]))[0];
    },
  };
}
const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor(values.length * share)];
const timeOf = (micros) => (micros > 20_000 ? `${(micros / 1e3).toFixed(0)} ms` : `${micros.toFixed(1)} us`);

async function compare(builds, one, rounds) {
  const turns = Math.max(3, Math.ceil(rounds * one.share));
  const warming = Math.ceil(turns / 5);
  const micros = { base: [], mine: [] };
  const facts = {};
  for (const [which, build] of Object.entries(builds))
    facts[which] = await build.call({ ...one, step: 'prepare' });
  for (let turn = -warming; turn < turns; turn++) {
    for (const which of turn % 2 === 0 ? ['base', 'mine'] : ['mine', 'base']) {
      const took = await builds[which].call({ ...one, step: 'turn' });
      if (turn >= 0) micros[which].push(took);
    }
  }
  const ratios = micros.mine.map((mine, turn) => mine / micros.base[turn]);
  const fast = quantile(micros.mine, 0.2) / quantile(micros.base, 0.2);
  const side = (which) =>
    `${which} ${timeOf(quantile(micros[which], 0.5))}${facts[which] === '' ? '' : ` (${facts[which]})`}`;
  console.log(
    `${one.name.padEnd(28)} ${side('base')}, ${side('mine')}; mine/base ${quantile(ratios, 0.5).toFixed(3)}, of the fast rounds ${fast.toFixed(3)}; ${turns} rounds`,
  );
}
async function main() {
  const { values } = parseArgs({
    options: {
      base: { type: 'string' },
      mine: { type: 'string', default: here },
      rounds: { type: 'string', default: '12' },
      only: { type: 'string', default: '' },
    },
  });
  if (values.base === undefined) throw new Error('give the other build: --base PATH');
  const builds = { base: startBuild(resolve(values.base)), mine: startBuild(resolve(values.mine)) };
  try {
    for (const one of cases.filter(({ name }) => name.includes(values.only)))
      await compare(builds, one, Number(values.rounds));
  } finally {
    for (const { process } of Object.values(builds)) process.disconnect();
  }
}
await main();
