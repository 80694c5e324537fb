// Question: what does a collection that nobody writes to cost, and what grows with how many there are? A folder gets more and more of them, each with
// a vector index and loaded. For each size a process of its own opens the folder, adds what is missing, some one at a time and the rest eight in
// flight, looks around, and rests.
// Printed for each size: how long the start took with what was there before, until open() returned and until a search of one was answered; ms for a create,
// of wall and of processor time; medians of describe, insert and search of one among all, a list of all; V8's heap and resident memory behind
// collections of garbage; processor time of an idle stretch, in which the slowest regular look comes once, and resident memory behind it, when V8
// has given back what a start needed.
//
//     node bench/collections.mjs [--stages 1000,2000,4000,10000] [--idle 65] [--no-load] [PATH]    (a built checkout, this one unless given)
//     node --expose-gc bench/collections.mjs --folder F --from 10000 --stages 10050 [PATH]          one size, of a folder that has 10,000
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    stages: { type: 'string', default: '1000,2000,4000,10000' },
    idle: { type: 'string', default: '65' },
    rests: { type: 'string', default: '1' },
    'no-load': { type: 'boolean', default: false },
    folder: { type: 'string' },
    from: { type: 'string', default: '0' },
  },
});
/** One at a time, before the others. */
const ALONE = 50;
const IN_FLIGHT = 8;
const LOOKS = 50;
const MiB = 2 ** 20;

const milliseconds = async (run) => {
  const begin = performance.now();
  await run();
  return performance.now() - begin;
};
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const cpuMs = (before) => {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
};

/** @returns wall and processor time of each, in ms */
async function each(from, to, inFlight, run) {
  const before = process.cpuUsage();
  let next = from;
  const wall = await milliseconds(() =>
    Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (next < to) await run(next++);
      }),
    ),
  );
  const count = Math.max(1, to - from);
  return `${(wall / count).toFixed(2)} ms (${(cpuMs(before) / count).toFixed(2)} of processor time)`;
}

/** One process: the folder has `from` collections and gets `to`. */
async function stage(folder, from, to) {
  const root = positionals[0] ? pathToFileURL(`${positionals[0]}/`) : new URL('../', import.meta.url);
  const dist = (path) => import(new URL(`dist/${path}`, root).href);
  const { open } = await dist('server/open.js');
  const { collection, floatVector, int64 } = await dist('client/connect.js');
  const say = (what, figure) => console.log(`${String(to).padStart(6)}  ${what.padEnd(34)} ${figure}`);
  const fields = { id: int64().primaryKey(), vector: floatVector(8) };
  let database;
  const unopened = process.cpuUsage();
  const opened = await milliseconds(async () => {
    database = await open(folder, { logLevel: 'error', listen: false });
  });
  const client = database.client();
  const of = (index) => client.collection(collection(`many_${index}`, fields));
  const load = !values['no-load'];
  const query = new Float32Array(8).fill(0.5);
  const search = (index) => of(index).search('vector', query, { limit: 1 });
  if (from > 0) {
    // One in the middle: those at the ends may be the first or the last that are brought to their shards.
    const found = load ? await milliseconds(() => search(from >> 1)) : 0;
    const searched = load ? `, first search after ${(opened + found).toFixed(0)} ms` : '';
    say(
      `start with ${from}`,
      `${opened.toFixed(0)} ms${searched} (${cpuMs(unopened).toFixed(0)} of processor time)`,
    );
  }
  const make = (index) => of(index).create({ load });
  say('create, one at a time', await each(from, from + ALONE, 1, make));
  say(`create, ${IN_FLIGHT} in flight`, await each(from + ALONE, to, IN_FLIGHT, make));
  const some = (run) =>
    Array.from({ length: LOOKS }, (_, look) => () => run(Math.floor((look * to) / LOOKS)));
  const middle = async (run) => {
    const times = [];
    for (const one of some(run)) times.push(await milliseconds(one));
    return `${median(times).toFixed(2)} ms`;
  };
  say('describe', await middle((index) => of(index).exists()));
  say('insert of a row', await middle((index) => of(index).insert([{ id: 1n, vector: query }])));
  if (load) say('search', await middle(search));
  const names = [];
  for (let look = 0; look < 5; look++) names.push(await milliseconds(() => client.collections()));
  say('list of all', `${median(names).toFixed(1)} ms`);
  for (let pass = 0; pass < 5; pass++) {
    globalThis.gc();
    await sleep(400);
  }
  const { heapUsed, rss, external, arrayBuffers } = process.memoryUsage();
  say(
    'memory',
    `${(heapUsed / MiB).toFixed(1)} MB of heap, ${((external + arrayBuffers) / MiB).toFixed(1)} outside it, ${Math.round(rss / MiB)} resident`,
  );
  const idleS = Number(values.idle);
  for (let rest = 0; rest < Number(values.rests); rest++) {
    const before = process.cpuUsage();
    await sleep(idleS * 1000);
    say('idle', `${(cpuMs(before) / idleS).toFixed(2)} ms of processor time a second`);
    say('memory behind it', `${Math.round(process.memoryUsage().rss / MiB)} MB resident`);
  }
  say('close', `${(await milliseconds(() => database.close())).toFixed(0)} ms`);
  process.exit(0);
}

function child(folder, from, to) {
  const args = [
    fileURLToPath(import.meta.url),
    '--folder',
    folder,
    '--from',
    String(from),
    '--stages',
    String(to),
  ];
  const others = [
    '--idle',
    values.idle,
    '--rests',
    values.rests,
    ...(values['no-load'] ? ['--no-load'] : []),
    ...positionals,
  ];
  return new Promise((resolve, reject) => {
    const node = spawn(process.execPath, ['--expose-gc', ...process.execArgv, ...args, ...others], {
      stdio: 'inherit',
    });
    node.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`the process for ${to} ended with ${code}`)),
    );
  });
}

const stages = values.stages.split(',').map(Number);
if (values.folder !== undefined) await stage(values.folder, Number(values.from), stages[0]);
else {
  const folder = mkdtempSync(join(tmpdir(), 'elanus-collections-'));
  try {
    let from = 0;
    for (const to of stages) {
      await child(folder, from, to);
      from = to;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
