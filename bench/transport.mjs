// Question: what does the way to a small search cost, and that to an insert of a thousand rows, over gRPC and over REST, beside a bare echo of
// the same kind with messages of the same size? Server, client and echoes are processes of their own and take turns in each round. Printed: calls a second, latencies, CPU time
// of the server a call, and both as a share of the echo's. The share by CPU is the one to trust where other work runs on the machine. REST has two echoes: `echo` reads bytes and
// answers bytes, `json` reads the body as JSON and writes the answer as JSON. The messages of gRPC need no such reading, so the second is the one to compare REST with.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { at, cpuOf, startClient } from './client-process.mjs';
import { startServer } from './server-process.mjs';

const CALLERS = [1, 8, 64];
const INSERTERS = [1, 4];
const WARM_ROUNDS = 5;
const ROWS = 1000;
const COLLECTION = 'transport';

async function startEcho(script, name = 'echo', args = []) {
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { name, address: String(line).trim(), pid: child.pid, stop: () => child.kill('SIGTERM') };
}

async function measured(client, candidate, what) {
  const before = await cpuOf(candidate.pid);
  const { seconds, latencies } = await client.call('search', { ...what, address: candidate.address });
  const after = await cpuOf(candidate.pid);
  return { rate: latencies.length / seconds, cpu: (after.all - before.all) / latencies.length, latencies };
}

const median = (rounds, of) => at(rounds.map(of), 0.5);
const share = (rounds, { name, found }) => {
  const [rate, cpu] = [(one) => one.rate, (one) => one.cpu];
  const byRate = (median(rounds, rate) / median(found, rate)) * 100;
  const byCpu = (median(found, cpu) / median(rounds, cpu)) * 100;
  return `${byRate.toFixed(0)} % of ${name}, by CPU ${byCpu.toFixed(0)} %`;
};

function line(callers, name, rounds, { echoes = [], bytes }) {
  const latencies = rounds.flatMap((round) => round.latencies);
  const [rate, cpu] = [median(rounds, (one) => one.rate), median(rounds, (one) => one.cpu)];
  const volume = bytes === undefined ? '' : `${((rate * bytes) / 1e6).toFixed(1).padStart(6)} MB/s   `;
  return (
    `  ${String(callers).padStart(2)} callers  ${name.padEnd(6)} ${rate.toFixed(0).padStart(6)}/s   ${volume}` +
    `p50 ${at(latencies, 0.5).toFixed(2).padStart(6)} ms   p99 ${at(latencies, 0.99).toFixed(2).padStart(7)} ms   ` +
    `CPU ${cpu.toFixed(0).padStart(5)} us   ${echoes.map((echo) => share(rounds, echo)).join('; ')}`
  );
}

/** What counts is code that is compiled, of the server as of the echoes. */
async function warm(client, candidates, what, milliseconds) {
  for (const candidate of candidates)
    await measured(client, candidate, { ...what, callers: 8, milliseconds });
}

/** Server and echoes in turns, with each number of callers. */
async function compared({ client, server, echoes, what, rounds, callersOf, bytes }) {
  const candidates = [server, ...echoes];
  await warm(client, candidates, what, what.milliseconds * WARM_ROUNDS);
  for (const callers of callersOf) {
    const found = new Map(candidates.map(({ name }) => [name, []]));
    for (let round = -1; round < rounds; round++)
      for (const candidate of round % 2 === 0 ? candidates : candidates.toReversed()) {
        const one = await measured(client, candidate, { ...what, callers });
        if (round >= 0) found.get(candidate.name).push(one); // The first warms up.
      }
    const beside = echoes.map(({ name }) => ({ name, found: found.get(name) }));
    console.log(line(callers, 'elanus', found.get('elanus'), { echoes: beside, bytes }));
    for (const { name } of echoes) console.log(line(callers, name, found.get(name), { bytes }));
  }
}

const WAYS = [
  { by: 'bare', label: 'gRPC', teach: 'teach' },
  { by: 'rest', label: 'REST', teach: 'teachRest' },
];

/** @param restOnly nothing over gRPC */
export async function run({ quick = false, restOnly = false } = {}) {
  const ways = WAYS.filter(({ by }) => !restOnly || by === 'rest');
  const rounds = quick ? 3 : 7;
  const milliseconds = quick ? 400 : 1000;
  const server = { name: 'elanus', ...(await startServer()) };
  const echoesOf = {
    bare: [await startEcho('./grpc-echo.mjs')],
    rest: [await startEcho('./http-echo.mjs'), await startEcho('./http-echo.mjs', 'json', ['json'])],
  };
  const client = startClient();
  try {
    await client.call('fill', { address: server.address, collection: COLLECTION, rows: ROWS, index: 'FLAT' });
    for (const { by, label, teach } of ways) {
      const echoes = echoesOf[by];
      const what = { by, collection: COLLECTION, fields: [], nq: 1, milliseconds };
      let sizes;
      for (const { address: echo } of echoes)
        sizes = await client.call(teach, { ...what, address: server.address, echo });
      console.log(`\n${label}, FLAT, ${ROWS} x 128: ${sizes.request} bytes in, ${sizes.answer} out`);
      await compared({ client, server, echoes, what, rounds, callersOf: CALLERS });
    }
    for (const { by, label } of ways) {
      const echoes = echoesOf[by];
      const collection = `${COLLECTION}_${by}`;
      await client.call('fill', { address: server.address, collection, rows: 0, index: 'FLAT' });
      const what = { by, collection, what: 'insert', milliseconds };
      let sizes;
      for (const { address: echo } of echoes)
        sizes = await client.call('teachInsert', { ...what, address: server.address, echo });
      console.log(`\n${label}, insert of 1000 x 128: ${sizes.request} bytes in, ${sizes.answer} out`);
      await compared({ client, server, echoes, what, rounds, callersOf: INSERTERS, bytes: sizes.request });
    }
  } finally {
    await client.stop();
    await server.stop();
    for (const echo of Object.values(echoesOf).flat()) echo.stop();
  }
}
