// The client's side of search.mjs, a process of its own: fills collections, then keeps a number of searches in flight. Requests are
// encoded beforehand and answers are not decoded, so that the client is not what limits; the SDK is measured beside it.
import http from 'node:http';
import grpc from '@grpc/grpc-js';
import {
  DataType,
  DslType,
  encodeInt64s,
  InsertRequest,
  MilvusClient,
  MutationResult,
  PlaceholderGroup,
  PlaceholderType,
  SearchRequest,
  SearchResults,
} from './milvus.mjs';

const DIM = 128;
const K = 10;
const QUERIES = 256;
const SEARCH = '/milvus.proto.milvus.MilvusService/Search';
const same = (value) => value;
let seed = 1;
const next = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 4294967296 - 0.5;
};

const vector = () => Array.from({ length: DIM }, next);
const queries = Array.from({ length: QUERIES }, vector);
const must = (answer) => {
  const status = answer.status ?? answer;
  if (status.error_code !== undefined && status.error_code !== 'Success')
    throw new Error(`${status.error_code}: ${status.reason}`);
  return answer;
};

const sdks = new Map();
async function sdkOf(address) {
  if (!sdks.has(address)) {
    const sdk = new MilvusClient({ address });
    await sdk.connectPromise;
    sdks.set(address, sdk);
  }
  return sdks.get(address);
}

const bares = new Map();
/** @param connection which one of the process's own connections to the address */
function bareOf(address, connection = 0) {
  const key = `${address} ${connection}`;
  const own = { 'grpc.use_local_subchannel_pool': 1 };
  if (!bares.has(key)) bares.set(key, new grpc.Client(address, grpc.credentials.createInsecure(), own));
  const client = bares.get(key);
  return (path, bytes) =>
    new Promise((resolve, reject) =>
      client.makeUnaryRequest(path, same, same, bytes, (error, answer) =>
        error ? reject(error) : resolve(answer),
      ),
    );
}

function encoded(collectionName, fields, nq, at) {
  const values = Array.from(
    { length: nq },
    (_, i) => new Uint8Array(Float32Array.from(queries[(at + i) % QUERIES]).buffer),
  );
  const group = PlaceholderGroup.fromPartial({
    placeholders: [{ tag: '$0', type: PlaceholderType.FloatVector, values }],
  });
  const params = {
    anns_field: 'vector',
    topk: String(K),
    metric_type: 'L2',
    params: '{"ef":64}',
    round_decimal: '-1',
  };
  return Buffer.from(
    SearchRequest.encode(
      SearchRequest.fromPartial({
        collectionName,
        dslType: DslType.BoolExprV1,
        outputFields: fields,
        searchInput: { $case: 'placeholderGroup', value: PlaceholderGroup.encode(group).finish() },
        searchParams: Object.entries(params).map(([key, value]) => ({ key, value })),
        nq: BigInt(nq),
        consistencyLevel: 3,
      }),
    ).finish(),
  );
}

const INSERT = '/milvus.proto.milvus.MilvusService/Insert';
const INSERTED_ROWS = 1000;
const insertedRows = Array.from({ length: INSERTED_ROWS }, (_, id) => ({ id, price: id, vector: vector() }));

/** The rows as the SDK sends them. */
function encodedInsert(collectionName) {
  const longs = BigInt64Array.from(insertedRows, ({ id }) => BigInt(id));
  const floats = Float32Array.from(insertedRows.flatMap((row) => row.vector));
  const scalars = (fieldName, data) => ({
    fieldName,
    type: fieldName === 'id' ? DataType.Int64 : DataType.Int32,
    field: { $case: 'scalars', value: { data } },
  });
  const fieldsData = [
    scalars('id', { $case: 'longData', value: { data: encodeInt64s(new Uint8Array(longs.buffer)) } }),
    scalars('price', { $case: 'intData', value: { data: encodeInt64s(new Uint8Array(longs.buffer)) } }),
    {
      fieldName: 'vector',
      type: DataType.FloatVector,
      field: {
        $case: 'vectors',
        value: {
          dim: BigInt(DIM),
          data: { $case: 'floatVector', value: { data: new Uint8Array(floats.buffer) } },
        },
      },
    },
  ];
  return Buffer.from(
    InsertRequest.encode(
      InsertRequest.fromPartial({ collectionName, fieldsData, numRows: INSERTED_ROWS }),
    ).finish(),
  );
}

const REST_INSERT = '/v2/vectordb/entities/insert';
const restInsert = (collectionName) => Buffer.from(JSON.stringify({ collectionName, data: insertedRows }));

const agents = new Map();
/** Calls over connections that stay open, as many as there are calls under way. */
function postOf(address) {
  if (!agents.has(address)) agents.set(address, new http.Agent({ keepAlive: true, maxSockets: 256 }));
  const [host, port] = address.split(':');
  const headers = { 'content-type': 'application/json' };
  const options = { host, port, method: 'POST', agent: agents.get(address), headers };
  return (path, body) =>
    new Promise((resolve, reject) => {
      const request = http.request({ ...options, path }, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks)));
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end(body);
    });
}

const REST_SEARCH = '/v2/vectordb/entities/search';
const restBody = (collectionName, fields, nq, at) =>
  Buffer.from(
    JSON.stringify({
      collectionName,
      data: Array.from({ length: nq }, (_, i) => queries[(at + i) % QUERIES]),
      annsField: 'vector',
      limit: K,
      outputFields: fields,
      searchParams: { metricType: 'L2', params: { ef: 64 } },
      consistencyLevel: 'Eventually',
    }),
  );

function callOf({ by, address, collection, fields, nq, connections = 1, what = 'search' }) {
  if (what === 'insert') {
    const [send, path, body] =
      by === 'rest'
        ? [postOf(address), REST_INSERT, restInsert(collection)]
        : [bareOf(address), INSERT, encodedInsert(collection)];
    return () => send(path, body);
  }
  if (by === 'sdk') {
    const request = {
      collection_name: collection,
      anns_field: 'vector',
      limit: K,
      params: { ef: 64 },
      output_fields: fields,
      consistency_level: 3,
    };
    return async (at) => must(await (await sdkOf(address)).search({ ...request, data: [queries[at]] }));
  }
  if (by === 'rest') {
    const bodies = queries.map((_, at) => restBody(collection, fields, nq, at));
    const post = postOf(address);
    return (at) => post(REST_SEARCH, bodies[at]);
  }
  const requests = queries.map((_, at) => encoded(collection, fields, nq, at));
  const calls = Array.from({ length: connections }, (_, at) => bareOf(address, at));
  return (at, caller) => calls[caller % connections](SEARCH, requests[at]);
}

const calls = {
  async fill({ address, collection, rows, index }) {
    const sdk = await sdkOf(address);
    must(
      await sdk.createCollection({
        collection_name: collection,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'price', data_type: DataType.Int32 },
          { name: 'vector', data_type: DataType.FloatVector, dim: DIM },
        ],
      }),
    );
    for (let first = 0; first < rows; first += 5000) {
      const data = Array.from({ length: Math.min(5000, rows - first) }, (_, i) => ({
        id: first + i,
        price: i,
        vector: vector(),
      }));
      must(await sdk.insert({ collection_name: collection, data }));
    }
    must(await sdk.flushSync({ collection_names: [collection] }));
    const params = index === 'HNSW' ? { M: 16, efConstruction: 200 } : {};
    must(
      await sdk.createIndex({
        collection_name: collection,
        field_name: 'vector',
        index_type: index,
        metric_type: 'L2',
        params,
      }),
    );
    for (;;) {
      const { index_descriptions: list } = must(
        await sdk.describeIndex({ collection_name: collection, field_name: 'vector' }),
      );
      if (list.every(({ state }) => state === 'Finished')) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    must(await sdk.loadCollectionSync({ collection_name: collection }));
  },
  /** Gives the echo the answer of the server to one such search. */
  async teach({ address, echo, collection, fields, nq }) {
    const request = encoded(collection, fields, nq, 0);
    const bytes = await bareOf(address)(SEARCH, request);
    const { status, results } = SearchResults.decode(bytes);
    // Packed numbers stay the bytes that came: 4 a score.
    if (status?.code !== 0 || results?.scores.length !== K * nq * 4)
      throw new Error(`a search was answered ${status?.code} ${status?.reason}`);
    await bareOf(echo)('/bench.Echo/SetAnswer', bytes);
    return { request: request.length, answer: bytes.length };
  },
  /** Gives the HTTP echo the answer of the server to one such search. */
  async teachRest({ address, echo, collection, fields, nq }) {
    const request = restBody(collection, fields, nq, 0);
    const bytes = await postOf(address)(REST_SEARCH, request);
    const { code, message, data } = JSON.parse(String(bytes));
    if (code !== 0 || data?.length !== K * nq) throw new Error(`a search was answered ${code} ${message}`);
    await postOf(echo)('/answer', bytes);
    return { request: request.length, answer: bytes.length };
  },
  /** Gives an echo the answer of the server to one insert of the rows. */
  async teachInsert({ by, address, echo, collection }) {
    if (by === 'rest') {
      const request = restInsert(collection);
      const bytes = await postOf(address)(REST_INSERT, request);
      const { code, message } = JSON.parse(String(bytes));
      if (code !== 0) throw new Error(`an insert was answered ${code} ${message}`);
      await postOf(echo)('/answer', bytes);
      return { request: request.length, answer: bytes.length };
    }
    const request = encodedInsert(collection);
    const bytes = await bareOf(address)(INSERT, request);
    const { status } = MutationResult.decode(bytes);
    if (status?.code !== 0) throw new Error(`an insert was answered ${status?.code} ${status?.reason}`);
    await bareOf(echo)('/bench.Echo/SetAnswer', bytes);
    return { request: request.length, answer: bytes.length };
  },
  async search({ callers, milliseconds, ...what }) {
    const call = callOf(what);
    const latencies = [];
    let at = 0;
    const begin = performance.now();
    await Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        while (performance.now() - begin < milliseconds) {
          const start = performance.now();
          await call(at++ % QUERIES, caller);
          latencies.push(performance.now() - start);
        }
      }),
    );
    return { seconds: (performance.now() - begin) / 1000, latencies };
  },
};

process.on('message', async ({ name, input }) => {
  try {
    process.send({ output: await calls[name](input) });
  } catch (error) {
    process.send({ error: error.stack ?? String(error) });
  }
});

process.on('disconnect', () => process.exit(0));
