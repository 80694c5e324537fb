// Question: what do the calls of coordination cost: create a collection, flush with nothing, a thousand and a million rows pending, the first search
// after kill -9, and ten thousand collections (time, memory, idle CPU)? Seeded data; medians in ms.
//   node bench/coordination.mjs [--rows 1000000] [--dim 8] [--collections 10000]     --quick: 100,000 rows, 500 collections
//   node bench/coordination.mjs --rows 341479 --dim 100 --collections 50             as many vectors as the demo has, and as long
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { startServer } from './server-process.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    dim: { type: 'string', default: '8' },
    collections: { type: 'string' },
  },
});
const ROWS = Number(values.rows ?? (values.quick ? 100_000 : 1_000_000));
const COLLECTIONS = Number(values.collections ?? (values.quick ? 500 : 10_000));
const DIM = Number(values.dim);
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const ms = (value) => `${value.toFixed(1)} ms`;
const timed = async (run) => {
  const begin = performance.now();
  await run();
  return performance.now() - begin;
};
const must = async (call) => {
  const answer = await call;
  const status = answer.status ?? answer;
  if ((status.code ?? 0) !== 0) throw new Error(`${status.code}: ${status.reason}`);
  return answer;
};
const fields = [
  { name: 'id', data_type: 'Int64', is_primary_key: true },
  { name: 'vector', data_type: 'FloatVector', dim: DIM },
];
const rowOf = (id) => ({
  id,
  vector: Array.from({ length: DIM }, (_, at) => Math.fround(Math.sin(id * 7 + at))),
});

async function insert(client, name, begin, end) {
  for (let at = begin; at < end; at += 10_000) {
    const rows = Array.from({ length: Math.min(10_000, end - at) }, (_, i) => rowOf(at + i));
    await must(client.insert({ collection_name: name, data: rows }));
  }
}

async function prepare(client, name) {
  await must(client.createCollection({ collection_name: name, fields }));
  await must(
    client.createIndex({
      collection_name: name,
      field_name: 'vector',
      index_type: 'FLAT',
      metric_type: 'L2',
    }),
  );
  await must(client.loadCollectionSync({ collection_name: name }));
}

const connect = async (address) => {
  const client = new MilvusClient({ address, timeout: 120_000 });
  await client.connectPromise;
  return client;
};
/** As the power would end it. */
async function kill({ pid }) {
  process.kill(pid, 'SIGKILL');
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
const residentMb = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
const cpuTicks = (pid) => {
  const parts = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(parts[11]) + Number(parts[12]);
};

const folder = mkdtempSync(join(tmpdir(), 'elanus-bench-coordination-'));
try {
  let server = await startServer({ folder });
  let client = await connect(server.address);
  const creates = [];
  for (let at = 0; at < 100; at++)
    creates.push(await timed(() => must(client.createCollection({ collection_name: `made_${at}`, fields }))));
  console.log(`create collection: ${ms(median(creates))}`);

  await prepare(client, 'rows');
  const flush = () => must(client.flush({ collection_names: ['rows'] }));
  const empty = [];
  for (let at = 0; at < 20; at++) empty.push(await timed(flush));
  console.log(`flush, nothing pending: ${ms(median(empty))}`);
  const thousand = [];
  for (let at = 0; at < 5; at++) {
    await insert(client, 'rows', at * 1000, at * 1000 + 1000);
    thousand.push(await timed(flush));
  }
  console.log(`flush, 1,000 rows pending: ${ms(median(thousand))}`);
  await insert(client, 'rows', 5000, 5000 + ROWS);
  console.log(`flush, ${ROWS} rows pending: ${ms(await timed(flush))}`);

  await insert(client, 'rows', 5000 + ROWS, 15_000 + ROWS);
  await client.closeConnection();
  await kill(server);
  const begin = performance.now();
  server = await startServer({ folder });
  client = await connect(server.address);
  for (;;) {
    const found = await client.search({ collection_name: 'rows', data: rowOf(42).vector, limit: 1 });
    if (found.results?.[0]?.id === '42') break;
  }
  console.log(
    `kill -9, ${ROWS} rows in files and 10,000 in the log: first search after ${ms(performance.now() - begin)}`,
  );

  const took = await timed(async () => {
    for (let at = 0; at < COLLECTIONS; at += 50)
      await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          must(client.createCollection({ collection_name: `many_${at + i}`, fields })),
        ),
      );
  });
  const ticks = cpuTicks(server.pid);
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const idle = (cpuTicks(server.pid) - ticks) / 10;
  console.log(
    `${COLLECTIONS} collections: ${(took / 1000).toFixed(1)} s, ${residentMb(server.pid).toFixed(0)} MB resident, idle CPU ${idle.toFixed(1)} %`,
  );
  await client.closeConnection();
  await kill(server);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
