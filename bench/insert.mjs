// Question: how fast do rows become durable through gRPC, against a bare gRPC server that throws the bytes away (the ceiling of the
// transport) and against hnswlib-node's brute-force index, which keeps rows in memory only? 768 dimensions, batches of 1,000.
// Rounds are interleaved; medians and ratios are printed. Requests are encoded beforehand, so the client's own encoding is not measured.
import grpc from '@grpc/grpc-js';
import { DataType, InsertRequest, MilvusClient } from './milvus.mjs';
import { loadRival } from './rivals.mjs';
import { startServer } from './server-process.mjs';

const DIM = 768;
const BATCH = 1000;
const PATH = '/milvus.proto.milvus.MilvusService/Insert';
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

function encodedBatches(collectionName, count) {
  let seed = 1;
  const next = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 4294967296 - 0.5;
  };
  return Array.from({ length: count }, (_, batch) => {
    const vectors = Float32Array.from({ length: BATCH * DIM }, next);
    const ids = [];
    for (let row = 0; row < BATCH; row++) {
      let value = batch * BATCH + row;
      while (value > 127) {
        ids.push((value & 127) | 128);
        value >>>= 7;
      }
      ids.push(value);
    }
    const request = InsertRequest.fromPartial({
      collectionName,
      numRows: BATCH,
      fieldsData: [
        {
          type: DataType.Int64,
          fieldName: 'id',
          field: {
            $case: 'scalars',
            value: { data: { $case: 'longData', value: { data: Uint8Array.from(ids) } } },
          },
        },
        {
          type: DataType.FloatVector,
          fieldName: 'vector',
          field: {
            $case: 'vectors',
            value: {
              dim: BigInt(DIM),
              data: { $case: 'floatVector', value: { data: new Uint8Array(vectors.buffer) } },
            },
          },
        },
      ],
    });
    return { bytes: Buffer.from(InsertRequest.encode(request).finish()), vectors };
  });
}

/** Sends all batches, four in flight; resolves with seconds. */
async function send(address, batches) {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
  const call = (bytes) =>
    new Promise((resolve, reject) =>
      client.makeUnaryRequest(
        PATH,
        (value) => value,
        (value) => value,
        bytes,
        (error, value) => (error ? reject(error) : resolve(value)),
      ),
    );
  await new Promise((resolve, reject) =>
    client.waitForReady(Date.now() + 5000, (error) => (error ? reject(error) : resolve())),
  );
  const begin = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (next < batches.length) await call(batches[next++].bytes);
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  client.close();
  return seconds;
}

export async function run({ quick = false } = {}) {
  const rounds = quick ? 3 : 5;
  const count = quick ? 10 : 30;
  const rows = count * BATCH;
  const megabytes = (rows * DIM * 4) / 1e6;
  const sink = await startSink();
  const server = await startServer();
  const client = new MilvusClient({ address: server.address });
  const hnswlib = loadRival('hnswlib-node', '3.0.0');
  const seconds = { elanus: [], sink: [], hnswlib: [] };
  try {
    for (let round = 0; round < rounds; round++) {
      const name = `insert_${round}`;
      await client.createCollection({
        collection_name: name,
        fields: [
          { name: 'id', data_type: 'Int64', is_primary_key: true },
          { name: 'vector', data_type: 'FloatVector', dim: DIM },
        ],
      });
      const batches = encodedBatches(name, count);
      seconds.sink.push(await send(sink.address, batches));
      seconds.elanus.push(await send(server.address, batches));
      const stored = await client.getCollectionStatistics({ collection_name: name });
      if (Number(stored.data.row_count) !== rows)
        throw new Error(`stored ${stored.data.row_count} of ${rows} rows`);
      if (hnswlib) {
        const Index = hnswlib.BruteforceSearch ?? hnswlib.default.BruteforceSearch;
        const index = new Index('l2', DIM);
        index.initIndex(rows);
        const begin = performance.now();
        for (const [at, { vectors }] of batches.entries())
          for (let row = 0; row < BATCH; row++)
            index.addPoint(Array.from(vectors.subarray(row * DIM, (row + 1) * DIM)), at * BATCH + row);
        seconds.hnswlib.push((performance.now() - begin) / 1000);
      }
      await client.dropCollection({ collection_name: name });
    }
  } finally {
    await client.closeConnection();
    await server.stop();
    await sink.stop();
  }
  const own = median(seconds.elanus);
  console.log(
    `insert, ${DIM} dimensions, batches of ${BATCH}, ${rows} rows a round, ${rounds} rounds, medians`,
  );
  for (const [name, label] of [
    ['elanus', 'elanus, durable, gRPC'],
    ['sink', 'bare gRPC sink'],
    ['hnswlib', 'hnswlib-node brute force, in memory'],
  ]) {
    if (seconds[name].length === 0) continue;
    const time = median(seconds[name]);
    console.log(
      `  ${label.padEnd(38)} ${Math.round(rows / time)
        .toString()
        .padStart(
          8,
        )} rows/s ${(megabytes / time).toFixed(0).padStart(6)} MB/s   elanus is ${(time / own).toFixed(2)}x of it`,
    );
  }
  return { rowsPerSecond: rows / own, ofSink: median(seconds.sink) / own };
}

/** A gRPC server that answers every insert at once, in a process of its own. */
async function startSink() {
  const { spawn } = await import('node:child_process');
  const { fileURLToPath } = await import('node:url');
  const child = spawn(process.execPath, [fileURLToPath(new URL('./grpc-sink.mjs', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const address = await new Promise((resolve) =>
    child.stdout.once('data', (chunk) => resolve(String(chunk).trim())),
  );
  return {
    address,
    async stop() {
      child.kill('SIGTERM');
    },
  };
}
