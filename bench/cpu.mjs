// Question: how much time of the processor does a call take of the server, in this build and in another?
// Data: seeded vectors of 128 dimensions, in memory. Searches (top 10, FLAT, 8 in flight) of one sealed segment of 500 rows: `one` without
// output fields, `scalar` with the key and a word, `keys` and `filter` narrowed by keys and by a number; `growing` of rows that are not in
// files yet, `many` with the key over four segments. Queries of ten rows by keys and by a number. Inserts of batches of 1, 100 and 2,000
// rows of key and vector; with `$` also two dynamic fields a row. `REST` are the same over HTTP. Requests are encoded beforehand.
// Metrics: processor time of the server's process, all its threads, per call or row (µs, median of the rounds); and the median of the
// ratios of the rounds: mine to the mean of two copies of the base, and of one copy of the base to the other, which shows how large the
// noise is.
// All builds are open in one process, which is not the client's, and take turns of about 12 ms; the turns of a round, at least `--round` ms
// of processor time for each build, are added up. So load of the machine and the collector meet all alike. How code is compiled differs
// from process to process: `--processes` are started one after another, the builds in another order each time, and the median of theirs is
// what counts.
// Needs Node >= 24 (`npx node`):  npx node bench/cpu.mjs --base PATH [--mine PATH] [--rounds N] [--processes N] [--round MS] [--only TEXT]
// where PATH is a checkout with `dist/`; `--mine` is this one unless given. `--only` takes texts with commas between them.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cases, IN_FLIGHT } from './cpu-cases.mjs';

const SERVICE = '/milvus.proto.milvus.MilvusService/';
const here = resolve(import.meta.dirname, '..');
const childPath = fileURLToPath(new URL('cpu-child.mjs', import.meta.url));
const WARM_CALLS = 4000;
const WARM_MICROS = 6e6;
const TURN_MICROS = 12_000;
const bare = (value) => value;

/** A process that has all builds open, and a client of each here. @param roots where each is, in the order in which they are opened */
async function openBuilds(roots) {
  const child = fork(
    childPath,
    roots.map(([, root]) => root),
    { execArgv: [] },
  );
  const [{ addresses }] = await once(child, 'message');
  const cpuMicros = async () => {
    child.send('cpu');
    const [{ micros }] = await once(child, 'message');
    return micros;
  };
  const builds = {};
  for (const [at, [name]] of roots.entries()) builds[name] = await connect(addresses[at]);
  const close = async () => {
    for (const build of Object.values(builds)) await build.close();
    child.disconnect();
    await once(child, 'exit');
  };
  return { builds, cpuMicros, close };
}

async function connect(address) {
  const from = createRequire(`${here}/package.json`);
  const { MilvusClient, DataType } = from('@zilliz/milvus2-sdk-node');
  const grpc = from('@grpc/grpc-js');
  const proto = {
    ...(await import(`${here}/dist/proto/milvus/common.js`)),
    ...(await import(`${here}/dist/proto/milvus/milvus.js`)),
  };
  // Connections to one address are shared otherwise.
  const channelOptions = { 'grpc.use_local_subchannel_pool': 1, 'grpc.max_send_message_length': -1 };
  const client = new MilvusClient({ address, timeout: 60_000, logLevel: 'error', channelOptions });
  await client.connectPromise;
  const raw = new grpc.Client(address, grpc.credentials.createInsecure(), channelOptions);
  const agent = new http.Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  return {
    client,
    proto,
    DataType,
    call: (method, bytes) =>
      new Promise((done, failed) =>
        raw.makeUnaryRequest(SERVICE + method, bare, bare, bytes, (error, value) =>
          error ? failed(error) : done(value),
        ),
      ),
    post: (path, bytes) => post({ address, agent, path }, bytes),
    async close() {
      await client.closeConnection();
      raw.close();
      agent.destroy();
    },
  };
}

const post = ({ address, agent, path }, bytes) =>
  new Promise((done, failed) => {
    const [host, port] = address.split(':');
    const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
    const request = http.request({ host, port, path, agent, method: 'POST', headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.once('end', () => done(Buffer.concat(chunks)));
      response.once('error', failed);
    });
    request.once('error', failed);
    request.end(bytes);
  });

/** A second copy of the base, whose modules are none of the first. */
async function copyOf(root) {
  const copy = await mkdtemp(join(tmpdir(), 'elanus-cpu-'));
  await cp(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
  await cp(join(root, 'package.json'), join(copy, 'package.json'));
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** @returns what the status of an answer says is wrong, or undefined */
function failureIn({ proto }, { answer, path }, bytes) {
  if (path !== undefined) {
    const { code, message } = JSON.parse(bytes.toString());
    return code === 0 ? undefined : message;
  }
  const { status } = proto[answer].decode(bytes);
  return status === undefined || status.code === 0 ? undefined : status.reason;
}

/** Microseconds of the processor, and for how many calls or rows. */
async function takeTurn({ builds, cpuMicros }, name, one, calls) {
  const build = builds[name];
  const { requests, units } = await one.turn(build, calls);
  const begin = await cpuMicros();
  let last;
  let next = 0;
  const lane = async () => {
    while (next < requests.length) {
      const request = requests[next++];
      last = await (one.path === undefined ? build.call(one.method, request) : build.post(one.path, request));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  const micros = (await cpuMicros()) - begin;
  const failure = failureIn(build, one, last);
  if (failure !== undefined) throw new Error(failure);
  return { micros, units };
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const ratios = (turns, over) => turns.map((micros, at) => micros / over[at]);

/** Rounds of turns of all builds, the order turned round each time. @returns by build, microseconds per unit of each round */
async function measure(opened, one, { rounds, roundMs }) {
  const names = Object.keys(opened.builds);
  const taken = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) await one.prepare(opened.builds[name]);
  for (let done = 0, micros = 0; done < WARM_CALLS && micros < WARM_MICROS; done += IN_FLIGHT * 6)
    for (const name of names) micros += (await takeTurn(opened, name, one, IN_FLIGHT * 6)).micros;
  const probe = await takeTurn(opened, names[0], one, IN_FLIGHT);
  const calls = Math.max(IN_FLIGHT, Math.ceil((IN_FLIGHT * TURN_MICROS) / probe.micros));
  let turn = 0;
  for (let round = 0; round < rounds; round++) {
    const spent = Object.fromEntries(names.map((name) => [name, { micros: 0, units: 0 }]));
    while (Object.values(spent).some(({ micros }) => micros < roundMs * 1000)) {
      const first = turn % names.length;
      const order = [...names.slice(first), ...names.slice(0, first)];
      if (turn++ % 2 === 1) order.reverse();
      for (const name of order) {
        const { micros, units } = await takeTurn(opened, name, one, calls);
        spent[name].micros += micros;
        spent[name].units += units;
      }
    }
    for (const name of names) taken[name].push(spent[name].micros / spent[name].units);
  }
  return taken;
}

async function main() {
  const { values } = parseArgs({
    options: {
      base: { type: 'string' },
      mine: { type: 'string', default: here },
      rounds: { type: 'string', default: '15' },
      processes: { type: 'string', default: '3' },
      round: { type: 'string', default: '120' },
      only: { type: 'string', default: '' },
    },
  });
  if (values.base === undefined) throw new Error('give the other build: --base PATH');
  const settings = { rounds: Number(values.rounds), roundMs: Number(values.round) };
  const wanted = cases.filter(({ name }) => values.only.split(',').some((text) => name.includes(text)));
  const [base, mine] = [resolve(values.base), resolve(values.mine)];
  const again = await copyOf(base);
  const roots = [
    ['base', base],
    ['mine', mine],
    ['again', again],
  ];
  const results = new Map(wanted.map((one) => [one, []]));
  for (let process = 0; process < Number(values.processes); process++) {
    const opened = await openBuilds([...roots.slice(process % 3), ...roots.slice(0, process % 3)]);
    for (const one of wanted) {
      try {
        results.get(one).push(await measure(opened, one, settings));
      } catch (error) {
        if (process === 0) console.log(`${one.name.padEnd(15)} not measured: ${error.message}`);
      }
    }
    await opened.close();
  }
  await rm(again, { recursive: true });
  for (const [one, runs] of results) if (runs.length > 0) print(one, runs);
}

function print({ name, unit }, runs) {
  const base = median(runs.flatMap((run) => run.base))
    .toFixed(2)
    .padStart(8);
  const mine = median(runs.flatMap((run) => run.mine))
    .toFixed(2)
    .padStart(8);
  const listed = (each) => `${median(each).toFixed(3)} (${each.map((one) => one.toFixed(3)).join(' ')})`;
  const copies = (run) => run.base.map((micros, round) => (micros + run.again[round]) / 2);
  const of = (run) => median(ratios(run.mine, copies(run)));
  const noise = (run) => median(ratios(run.again, run.base));
  console.log(
    `${name.padEnd(15)} base ${base}  mine ${mine} us a ${unit}; mine/base ${listed(runs.map(of))}; base/base ${listed(runs.map(noise))}`,
  );
}

await main();
process.exit(0);
