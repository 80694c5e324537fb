// A day of the embedded database in another runtime than Node.js (Bun, Deno): a folder that is opened, written, indexed, searched, killed and
// opened again, by the client of Milvus in the same process. Node runs it as well.
// Usage, where the client is installed under the alias `milvus-VERSION`: RUNTIME host-day.mjs ENTRY FOLDER VERSION
// (ENTRY: the file that `import 'elanus'` finds). With a further word it is the process that is killed.
import { spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { Checks, done, equal } from './checks.mjs';

const [entry, folder, version, part] = process.argv.slice(2);
const runtime = ['bun', 'deno'].find((name) => process.versions[name] !== undefined) ?? 'node';
const { open } = await import(pathToFileURL(entry));
const { MilvusClient, DataType } = await import(`milvus-${version}`);
const [DIM, ROWS, MORE] = [16, 3000, 200];
const collection_name = 'kept';
const vectorOf = (id) => Array.from({ length: DIM }, (_, at) => Math.fround(Math.sin(id * 31 + at)));
const rowsOf = (begin, count) =>
  Array.from({ length: count }, (_, at) => begin + at).map((id) => ({
    id,
    title: `title ${id % 10}`,
    vector: vectorOf(id),
    extra: id % 7,
  }));

const connected = (database) => new MilvusClient({ address: database.address, logLevel: 'error' });
async function count(client) {
  const request = { collection_name, filter: '', output_fields: ['count(*)'], consistency_level: 0 };
  return Number(done(await client.query(request)).data[0]['count(*)']);
}
async function nearest(client, id, filter = '') {
  const request = { collection_name, data: [vectorOf(id)], limit: 3, filter, consistency_level: 0 };
  const hits = done(await client.search({ ...request, output_fields: ['id', 'title'] })).results;
  return [hits.length, Number(hits[0]?.id)];
}

/** Opens the folder, adds rows, says so when they are acknowledged, and waits for its end. */
async function killedPart() {
  const client = connected(await open(folder));
  done(await client.insert({ collection_name, data: rowsOf(ROWS, MORE) }));
  done(await client.delete({ collection_name, ids: [0] }));
  console.log('acknowledged');
  setInterval(() => {}, 1000);
}

const isAlone = runtime === 'deno' ? ['run', '--allow-all'] : [];
async function killed() {
  const program = [...isAlone, process.argv[1], entry, folder, version, 'killed'];
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
  const said = new Promise((resolve) => {
    let text = '';
    child.stdout.on('data', (piece) => {
      text += piece;
      if (text.includes('acknowledged')) resolve();
    });
  });
  await Promise.race([
    said,
    exit.then((code) => Promise.reject(new Error(`it ended with ${code} before its rows`))),
  ]);
  child.kill('SIGKILL');
  equal(await exit, 'SIGKILL');
}

async function day() {
  const checks = new Checks();
  const check = (name, run) => checks.run(`${runtime} as host ${name}`, run);
  let database;
  let client;
  await check('opens a folder', async () => {
    database = await open(folder);
    client = connected(database);
    await client.connectPromise;
    equal(await (await fetch(`http://${database.address}/healthz`)).text(), 'OK');
  });
  await check('refuses a second opening', async () => {
    const code = await open(folder).then(
      () => 'opened',
      (error) => error.code,
    );
    equal(code, 'folder_in_use');
  });
  await check('makes, fills, indexes and loads a collection', async () => {
    done(
      await client.createCollection({
        collection_name,
        enable_dynamic_field: true,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true, autoID: false },
          { name: 'title', data_type: DataType.VarChar, max_length: 32 },
          { name: 'vector', data_type: DataType.FloatVector, dim: DIM },
        ],
        index_params: [
          {
            field_name: 'vector',
            index_type: 'HNSW',
            metric_type: 'L2',
            params: { M: 8, efConstruction: 64 },
          },
          { field_name: 'title', index_type: 'INVERTED' },
        ],
      }),
    );
    done(await client.loadCollectionSync({ collection_name }));
    done(await client.insert({ collection_name, data: rowsOf(0, ROWS) }));
    done(await client.flushSync({ collection_names: [collection_name] }));
    equal(await count(client), ROWS);
  });
  await check('searches, with filters', async () => {
    equal(await nearest(client, 7), [3, 7]);
    equal(await nearest(client, 9, 'title == "title 9" and extra == 2'), [3, 9]);
  });
  await check('answers REST', async () => {
    const answer = await fetch(`http://${database.address}/v2/vectordb/collections/list`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    equal(await answer.json(), { code: 0, data: [collection_name] });
  });
  await check('closes', async () => {
    await client.closeConnection();
    await database.close();
  });
  await check('is killed with rows that are acknowledged', killed);
  await check('has them after it, and not the deleted one', async () => {
    database = await open(folder);
    client = connected(database);
    equal(await count(client), ROWS + MORE - 1);
    equal(await nearest(client, ROWS + 5, `id >= ${ROWS}`), [3, ROWS + 5]);
    equal((await nearest(client, 0))[1] === 0, false);
  });
  await check('closes while a client is connected', async () => {
    await database.close();
    await client.closeConnection();
  });
  process.exit(checks.end());
}

if (part === undefined) await day();
else await killedPart();
