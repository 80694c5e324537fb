// The client's side of server.mjs, a process of its own: fills a collection through the SDK, then keeps a number of searches in flight.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import {
  DataType,
  DslType,
  MilvusClient,
  PlaceholderGroup,
  PlaceholderType,
  SearchRequest,
  SearchResults,
} from '../milvus.mjs';
import { K } from './parameters.mjs';
import { openSet, recallOf } from './sets.mjs';

const COLLECTION = 'bench';
const BATCH_BYTES = 4 * 2 ** 20;
const must = (answer) => {
  const status = answer.status ?? answer;
  if (status.error_code !== undefined && status.error_code !== 'Success')
    throw new Error(`${status.error_code}: ${status.reason}`);
  return answer;
};

let set;
let queries;
const clients = new Map();
let echo;

const calls = {
  async fill({ address, set: name, rows, index, parameters }) {
    set = await openSet(name, rows);
    const { dim, metric, base } = set;
    queries = Array.from({ length: set.queries.length / dim }, (_, i) =>
      Array.from(set.queries.subarray(i * dim, (i + 1) * dim)),
    );
    const client = await clientOf(address);
    must(
      await client.createCollection({
        collection_name: COLLECTION,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'vector', data_type: DataType.FloatVector, dim },
        ],
      }),
    );
    const begin = performance.now();
    const batch = Math.max(1, Math.floor(BATCH_BYTES / (dim * 4)));
    for (let first = 0; first < set.rows; first += batch) {
      const data = [];
      for (let row = first; row < Math.min(first + batch, set.rows); row++) {
        data.push({ id: row, vector: Array.from(base.subarray(row * dim, (row + 1) * dim)) });
      }
      must(await client.insert({ collection_name: COLLECTION, data }));
    }
    must(await client.flushSync({ collection_names: [COLLECTION] }));
    const insertSeconds = (performance.now() - begin) / 1000;
    set.base = undefined;
    const indexBegin = performance.now();
    const create = (index_type, params) =>
      client.createIndex({
        collection_name: COLLECTION,
        field_name: 'vector',
        index_type,
        metric_type: metric,
        params,
      });
    let indexType = index;
    let note;
    try {
      must(await create(index, parameters));
    } catch (error) {
      indexType = 'FLAT';
      note = `index ${index} is refused (${error.message}): FLAT instead`;
      must(await create('FLAT', {}));
    }
    for (;;) {
      const { index_descriptions: list } = must(
        await client.describeIndex({ collection_name: COLLECTION, field_name: 'vector' }),
      );
      if (list.every(({ state }) => state === 'Finished')) break;
      const failed = list.find(({ state }) => state === 'Failed');
      if (failed) throw new Error(`index failed: ${failed.index_state_fail_reason}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    must(await client.loadCollectionSync({ collection_name: COLLECTION }));
    return { insertSeconds, indexSeconds: (performance.now() - indexBegin) / 1000, indexType, note };
  },
  /** A server that answers at once, with nothing. */
  async startEcho() {
    echo = spawn(process.execPath, [fileURLToPath(new URL('../grpc-sink.mjs', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(echo.stdout, 'data');
    return { address: String(line).trim() };
  },
  /** By the SDK, or by requests encoded beforehand that a bare gRPC client sends (to the server, or to the echo). */
  async search({ address, by, ef, callers, milliseconds }) {
    const call = by === 'sdk' ? await sdkCall(address, ef) : await rawCall(address, by, ef);
    const found = by === 'sdk' ? new Array(queries.length) : undefined;
    for (let i = 0; i < Math.max(50, callers * 2); i++) await call(i % queries.length);
    const latencies = [];
    let next = 0;
    const begin = performance.now();
    const endsAt = begin + milliseconds;
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (performance.now() < endsAt) {
          const at = next++ % queries.length;
          const start = performance.now();
          const rows = await call(at);
          latencies.push(performance.now() - start);
          if (found) found[at] = rows;
        }
      }),
    );
    const seconds = (performance.now() - begin) / 1000;
    latencies.sort((a, b) => a - b);
    const seen = found?.filter((rows) => rows !== undefined);
    return {
      calls: latencies.length,
      qps: latencies.length / seconds,
      p50: latencies[latencies.length >> 1],
      p99: latencies[Math.floor(latencies.length * 0.99)],
      ...(seen && { recall: recallOf(seen, set.truth, K) }),
    };
  },
};

async function clientOf(address) {
  if (!clients.has(address)) {
    const client = new MilvusClient({ address });
    await client.connectPromise;
    clients.set(address, client);
  }
  return clients.get(address);
}

async function sdkCall(address, ef) {
  const client = await clientOf(address);
  return async (at) => {
    const request = {
      collection_name: COLLECTION,
      data: [queries[at]],
      anns_field: 'vector',
      limit: K,
      params: { ef },
      consistency_level: 3,
    };
    return must(await client.search(request)).results.map(({ id }) => Number(id));
  };
}

function encodedSearch(query, ef) {
  const values = [new Uint8Array(Float32Array.from(query).buffer)];
  const group = PlaceholderGroup.fromPartial({
    placeholders: [{ tag: '$0', type: PlaceholderType.FloatVector, values }],
  });
  const params = {
    anns_field: 'vector',
    topk: String(K),
    metric_type: set.metric,
    params: JSON.stringify({ ef }),
    round_decimal: '-1',
  };
  const request = SearchRequest.fromPartial({
    collectionName: COLLECTION,
    dslType: DslType.BoolExprV1,
    searchInput: { $case: 'placeholderGroup', value: PlaceholderGroup.encode(group).finish() },
    searchParams: Object.entries(params).map(([key, value]) => ({ key, value })),
    nq: 1n,
    consistencyLevel: 3,
  });
  return Buffer.from(SearchRequest.encode(request).finish());
}

async function rawCall(address, by, ef) {
  const key = `raw ${address}`;
  if (!clients.has(key)) clients.set(key, new grpc.Client(address, grpc.credentials.createInsecure()));
  const client = clients.get(key);
  const requests = queries.map((query) => encodedSearch(query, ef));
  const same = (value) => value;
  const path = `/milvus.proto.milvus.MilvusService/${by === 'echo' ? 'Insert' : 'Search'}`;
  const call = (at) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, same, same, requests[at], (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
  if (by === 'raw') {
    const { status, results } = SearchResults.decode(await call(0));
    if (status?.code !== 0 || results?.scores.length !== K)
      throw new Error(`a bare search was answered ${status?.code} ${status?.reason}`);
  }
  return call;
}

process.on('message', async ({ name, input }) => {
  try {
    process.send({ output: await calls[name](input) });
  } catch (error) {
    process.send({ error: error.stack ?? String(error) });
  }
});

process.on('disconnect', () => {
  echo?.kill('SIGTERM');
  process.exit(0);
});
