// Question: how fast do files become rows, in each format, beside an insert of the same rows, and how much memory does it take? Ids, texts and
// float vectors. Files are written here first (Parquet by pyarrow when --python names a Python that has it: lists of floats in row groups of 100,000
// rows, as data frames write them). One server in a process of its own; its memory is that of the process, sampled. Printed: MB of vectors a second, and for each
// second of the server's processor time, which other work on the machine does not change.
//   node bench/import.mjs [--rows 100000] [--dim 768] [--python python3] [--formats parquet,numpy,csv,jsonl,insert] [--heap 256]
import { execFileSync, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    dim: { type: 'string', default: '768' },
    python: { type: 'string' },
    formats: { type: 'string', default: 'parquet,numpy,csv,jsonl,insert' },
    heap: { type: 'string', default: '256' },
  },
});
const [ROWS, DIM] = [Number(values.rows), Number(values.dim)];
const MB = 1e6;
const VECTOR_MB = (ROWS * DIM * 4) / MB;
const BATCH = 1000;

let seed = 1;
const next = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.fround(seed / 4294967296 - 0.5);
};

async function* batches() {
  seed = 1;
  for (let begin = 0; begin < ROWS; begin += BATCH) {
    const count = Math.min(BATCH, ROWS - begin);
    yield Array.from({ length: count }, (_, at) => ({
      id: begin + at,
      title: `title ${(begin + at) % 1000}`,
      vector: Float32Array.from({ length: DIM }, next),
    }));
  }
}

async function writeText(path, head, lineOf) {
  const out = createWriteStream(path);
  if (head !== '') out.write(head);
  for await (const batch of batches())
    if (!out.write(batch.map(lineOf).join(''))) await new Promise((resolve) => out.once('drain', resolve));
  await new Promise((resolve, reject) => out.end((error) => (error ? reject(error) : resolve())));
}

const npyHead = (descr, shape) => {
  const text = `${`{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117)}\n`;
  return Buffer.concat([
    Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length, 0]),
    Buffer.from(text),
  ]);
};

async function writeNumpy(folder) {
  await mkdir(folder, { recursive: true });
  const outs = {
    id: createWriteStream(join(folder, 'id.npy')),
    title: createWriteStream(join(folder, 'title.npy')),
    vector: createWriteStream(join(folder, 'vector.npy')),
  };
  outs.id.write(npyHead('<i8', `(${ROWS},)`));
  outs.title.write(npyHead('<U16', `(${ROWS},)`));
  outs.vector.write(npyHead('<f4', `(${ROWS}, ${DIM})`));
  for await (const batch of batches()) {
    outs.id.write(Buffer.from(BigInt64Array.from(batch, ({ id }) => BigInt(id)).buffer));
    const titles = new Uint32Array(batch.length * 16);
    for (const [row, { title }] of batch.entries())
      titles.set(
        [...title].map((char) => char.codePointAt(0)),
        row * 16,
      );
    outs.title.write(Buffer.from(titles.buffer));
    for (const { vector } of batch)
      if (!outs.vector.write(Buffer.from(vector.buffer)))
        await new Promise((resolve) => outs.vector.once('drain', resolve));
  }
  await Promise.all(Object.values(outs).map((out) => new Promise((resolve) => out.end(resolve))));
}

const FROM_NUMPY = `
import numpy as np, pyarrow as pa, pyarrow.parquet as pq, sys
folder, path = sys.argv[1], sys.argv[2]
v = np.load(folder + '/vector.npy', mmap_mode='r')
ids, titles = np.load(folder + '/id.npy'), np.load(folder + '/title.npy')
schema = pa.schema([('id', pa.int64()), ('title', pa.string()), ('vector', pa.list_(pa.float32()))])
with pq.ParquetWriter(path, schema) as out:
    for b in range(0, len(ids), 100000):
        e = min(len(ids), b + 100000)
        offsets = np.arange(0, (e - b + 1) * v.shape[1], v.shape[1], dtype=np.int32)
        lists = pa.ListArray.from_arrays(offsets, pa.array(np.asarray(v[b:e]).reshape(-1)))
        out.write_table(pa.table([pa.array(ids[b:e]), pa.array(titles[b:e].astype(str).tolist()), lists], schema=schema), row_group_size=100000)
`;

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startServer(folder) {
  const port = await freePort();
  const main = new URL('../dist/server/main.js', import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${values.heap}`, main, 'serve', '--data', folder, '--port', String(port)],
    { stdio: 'ignore' },
  );
  for (let tries = 0; ; tries++) {
    const client = new MilvusClient({ address: `127.0.0.1:${port}` });
    try {
      await client.connectPromise;
      return { child, client };
    } catch (error) {
      await client.closeConnection();
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** Processor time of all threads of the process, in seconds. */
async function cpuSeconds(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Peak of what the process holds, in MB, until it is stopped. */
function watchMemory(pid) {
  let peak = 0;
  const timer = setInterval(async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    peak = Math.max(peak, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000);
  }, 50);
  return () => {
    clearInterval(timer);
    return Math.round(peak);
  };
}

async function stopServer({ child, client }) {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await client.closeConnection();
  child.kill('SIGTERM');
  await ended;
}

async function must(call) {
  const answer = await call;
  const status = answer.status ?? answer;
  if ((status.code ?? 0) !== 0) throw new Error(`${status.code}: ${status.reason}`);
  return answer;
}

async function importFiles(client, collection_name, files) {
  const { tasks } = await must(client.bulkInsert({ collection_name, files }));
  for (;;) {
    const state = await must(client.getImportState({ task: tasks[0] }));
    if (state.state === 'ImportCompleted') return;
    if (state.state === 'ImportFailed') throw new Error(JSON.stringify(state.infos));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function insertRows(client, collection_name) {
  for await (const batch of batches()) {
    const data = batch.map((row) => ({ ...row, vector: Array.from(row.vector) }));
    await must(client.insert({ collection_name, data }));
  }
  await must(client.flushSync({ collection_names: [collection_name] }));
}

const folder = await mkdtemp(join(tmpdir(), 'elanus-bench-import-'));
try {
  // The folder is the server's before there are files in it.
  await stopServer(await startServer(folder));
  const objects = join(folder, 'objects', 'up');
  await mkdir(objects, { recursive: true });
  const formats = values.formats.split(',');
  const wants = (name) => formats.includes(name);
  const json = ({ id, title, vector }) => `${JSON.stringify({ id, title, vector: Array.from(vector) })}\n`;
  if (wants('jsonl')) await writeText(join(objects, 'rows.jsonl'), '', json);
  if (wants('csv'))
    await writeText(
      join(objects, 'rows.csv'),
      'id,title,vector\n',
      ({ id, title, vector }) => `${id},${title},"${JSON.stringify(Array.from(vector))}"\n`,
    );
  if (wants('numpy') || wants('parquet')) await writeNumpy(join(objects, 'n'));
  if (wants('parquet') && values.python !== undefined)
    execFileSync(values.python, ['-c', FROM_NUMPY, join(objects, 'n'), join(objects, 'rows.parquet')]);
  const files = {
    parquet: values.python === undefined ? undefined : ['up/rows.parquet'],
    numpy: ['up/n/id.npy', 'up/n/title.npy', 'up/n/vector.npy'],
    csv: ['up/rows.csv'],
    jsonl: ['up/rows.jsonl'],
  };
  console.log(
    `${ROWS} rows of ${DIM} dimensions, ${Math.round(VECTOR_MB)} MB of vectors; heap ${values.heap} MB`,
  );
  for (const format of formats) {
    if (format !== 'insert' && files[format] === undefined) continue;
    const server = await startServer(folder);
    const { child, client } = server;
    try {
      const name = `rows_${format}`;
      await must(
        client.createCollection({
          collection_name: name,
          fields: [
            { name: 'id', data_type: DataType.Int64, is_primary_key: true },
            { name: 'title', data_type: DataType.VarChar, max_length: 64 },
            { name: 'vector', data_type: DataType.FloatVector, dim: DIM },
          ],
        }),
      );
      const idle =
        Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1000;
      const peak = watchMemory(child.pid);
      const cpuBegin = await cpuSeconds(child.pid);
      const begin = performance.now();
      if (format === 'insert') await insertRows(client, name);
      else await importFiles(client, name, files[format]);
      const seconds = (performance.now() - begin) / 1000;
      const cpu = (await cpuSeconds(child.pid)) - cpuBegin;
      console.log(
        `${format.padEnd(8)} ${(VECTOR_MB / seconds).toFixed(1).padStart(7)} MB/s  ${seconds.toFixed(1).padStart(6)} s  ${(VECTOR_MB / cpu).toFixed(1).padStart(6)} MB/cpu s  peak ${peak()} MB (idle ${Math.round(idle)})`,
      );
      await must(client.dropCollection({ collection_name: name }));
    } finally {
      await stopServer(server);
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
