// The built package on the oldest Node it supports: open, insert, search, close, open again, and `serve`. Plain JavaScript, no test runner.
// Usage: NODE test/smoke/node20.mjs [folder of the package]
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '../..'));
const { open } = await import(pathToFileURL(join(root, 'dist/server/open.js')).href);
const { MilvusClient, DataType } = createRequire(import.meta.url)('@zilliz/milvus2-sdk-node');
const { engines, version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
let passed = 0;
let failed = 0;
async function check(name, run) {
  const begin = performance.now();
  try {
    await run();
    passed++;
    console.log(`  ok    ${name} (${Math.round(performance.now() - begin)} ms)`);
  } catch (error) {
    failed++;
    console.log(`  FAIL  ${name}\n${error instanceof Error ? error.stack : String(error)}`);
  }
}

const vectorOf = (id) => Array.from({ length: 4 }, (_, at) => Math.fround(Math.sin(id * 4 + at + 1)));
const done = (answer) => {
  const status = answer.status ?? answer;
  assert.equal(status.code ?? 0, 0, status.reason);
  return answer;
};

async function withClient(address, run) {
  // Connections of its own: see connect() in test/integration/support.ts.
  const client = new MilvusClient({
    address,
    logLevel: 'error',
    channelOptions: { 'grpc.use_local_subchannel_pool': 1 },
  });
  try {
    await client.connectPromise;
    await run(client);
  } finally {
    await client.closeConnection();
  }
}

async function fill(client) {
  const fields = [
    { name: 'id', data_type: DataType.Int64, is_primary_key: true },
    { name: 'v', data_type: DataType.FloatVector, dim: 4 },
  ];
  done(await client.createCollection({ collection_name: 'c', fields }));
  done(
    await client.createIndex({
      collection_name: 'c',
      field_name: 'v',
      index_type: 'FLAT',
      metric_type: 'L2',
    }),
  );
  done(await client.loadCollection({ collection_name: 'c' }));
  done(
    await client.insert({
      collection_name: 'c',
      data: Array.from({ length: 500 }, (_, id) => ({ id, v: vectorOf(id) })),
    }),
  );
}

async function find(client) {
  const answer = done(await client.search({ collection_name: 'c', data: [vectorOf(42)], limit: 3 }));
  assert.equal(Number(answer.results[0].id), 42);
  assert.equal(Number((await client.count({ collection_name: 'c' })).data), 500);
}

const folder = await mkdtemp(join(tmpdir(), 'elanus-smoke-'));
console.log(`  node ${process.version}, elanus ${version}, engines ${engines.node}`);
if (process.env.ELANUS_NODE_MAJOR !== undefined) {
  await check(`this is Node ${process.env.ELANUS_NODE_MAJOR}`, () =>
    assert.equal(process.versions.node.split('.')[0], process.env.ELANUS_NODE_MAJOR),
  );
}

await check('open() in memory, insert, search, close', async () => {
  const elanus = await open();
  await withClient(elanus.address, async (client) => {
    await fill(client);
    await find(client);
  });
  await elanus.close();
});

await check('open() with threads for gRPC, which one thread stands in for where they cannot be', async () => {
  const elanus = await open(undefined, { grpcThreads: 2, logLevel: 'silent' });
  await withClient(elanus.address, async (client) => {
    await fill(client);
    await find(client);
  });
  await elanus.close();
});

await check('open(folder), insert, flush, close, open again, search', async () => {
  const first = await open(folder);
  await withClient(first.address, async (client) => {
    await fill(client);
    done(await client.flushSync({ collection_names: ['c'] }));
    await find(client);
  });
  await first.close();
  const second = await open(folder);
  await withClient(second.address, find);
  await second.close();
});

await check('serve: one ready line, health, search, SIGTERM', async () => {
  const main = join(root, 'dist/server/main.js');
  const child = spawn(process.execPath, [main, 'serve', '--data', folder, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  try {
    const [line] = await Promise.race([
      once(child.stdout, 'data'),
      exited.then(([code]) => Promise.reject(new Error(`ended with ${code}`))),
    ]);
    const address = /on (127\.0\.0\.1:\d+)/.exec(String(line))?.[1];
    assert.ok(address, String(line));
    assert.equal(await (await fetch(`http://${address}/healthz`)).text(), 'OK');
    await withClient(address, find);
  } finally {
    child.kill('SIGTERM');
  }
  assert.equal((await exited)[0], 0);
});

await rm(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
