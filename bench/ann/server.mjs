// Search through the server: the real one in a process of its own, filled and searched by the unmodified Milvus SDK in another, with one,
// eight and 32 calls in flight; the same requests, encoded beforehand, by a bare gRPC client; and by that one to a bare gRPC server that
// answers at once (the ceiling of the transport).
// Run on a built tree: node bench/ann/server.mjs [--set small] [--rows N] [--index HNSW] [--ef 64] [--rounds N] [--seconds N] [--json FILE]
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { startClient } from '../client-process.mjs';
import { startServer } from '../server-process.mjs';
import { graphParameters } from './parameters.mjs';
import { serverMarkdown } from './report.mjs';
import { openSet } from './sets.mjs';

const { values: options } = parseArgs({
  options: {
    set: { type: 'string', default: 'small' },
    rows: { type: 'string' },
    index: { type: 'string', default: 'HNSW' },
    ef: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});

const IN_FLIGHT = [1, 8, 32];
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const rows = options.rows === undefined ? undefined : Number(options.rows);
// Cut to size, and the exact neighbours computed, before anything is measured.
const { key, metric, dim, rows: rowCount } = await openSet(options.set, rows);
const load = { before: loadavg()[0] };
const server = await startServer();
const client = startClient('./ann/server-client.mjs');
const results = [];
let filled;
let memory;
try {
  filled = await client.call('fill', {
    address: server.address,
    set: options.set,
    rows,
    index: options.index,
    parameters: graphParameters,
  });
  if (filled.note) console.error(filled.note);
  memory = await server.usage();
  const echo = await client.call('startEcho', {});
  const measure = async (name, callers, input) => {
    const before = name === 'echo' ? undefined : await server.usage();
    const turn = await client.call('search', {
      ...input,
      callers,
      milliseconds: Number(options.seconds) * 1000,
    });
    const after = before && (await server.usage());
    const entry = results.find((one) => one.name === name && one.callers === callers) ?? {
      name,
      callers,
      turns: [],
    };
    if (entry.turns.length === 0) results.push(entry);
    entry.turns.push({
      ...turn,
      ...(before && { serverCpuMicros: ((after.cpuS - before.cpuS) / turn.calls) * 1e6 }),
    });
  };
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const callers of IN_FLIGHT) {
      for (const name of ['SDK', 'bare client']) {
        await measure(name, callers, {
          address: server.address,
          by: name === 'SDK' ? 'sdk' : 'raw',
          ef: Number(options.ef),
        });
      }
      await measure('echo', callers, { address: echo.address, by: 'echo', ef: Number(options.ef) });
    }
    console.error(`round ${round + 1} of ${options.rounds}, load ${loadavg()[0].toFixed(1)}`);
  }
} finally {
  await client.stop();
  await server.stop();
}

load.after = loadavg()[0];
for (const entry of results) {
  const of = (name) => median(entry.turns.map((turn) => turn[name]));
  Object.assign(entry, { qps: of('qps'), p50: of('p50'), p99: of('p99') });
  if (entry.name !== 'echo') Object.assign(entry, { serverCpuMicros: of('serverCpuMicros') });
  if (entry.name === 'SDK') Object.assign(entry, { recall: of('recall') });
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
const machine = `${cpus()[0].model}, ${availableParallelism()} cores`;
const about = {
  when: new Date().toISOString(),
  commit,
  node: process.version,
  machine,
  load,
  set: key,
  rows: rowCount,
  dim,
  metric,
};

const report = {
  ...about,
  ef: Number(options.ef),
  rounds: Number(options.rounds),
  filled,
  rssMb: memory.rssMb,
  results,
};

console.log(`\n${serverMarkdown(report)}`);
if (options.json) writeFileSync(options.json, `${JSON.stringify(report, undefined, 1)}\n`);
