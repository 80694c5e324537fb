// Question: how much time of the processor does a call take on the thread that serves everyone, in this build and in another?
// Data: seeded vectors of 128 dimensions, in memory. Searches (top 10, FLAT, 8 in flight): `one` without output fields over one segment of
// 500 rows, `many` with the key over four such, `scalar` with the key and a word over one. Inserts of batches of 1, 100 and 2,000 rows of
// key and vector; with `$` also two dynamic fields a row. Requests are encoded beforehand; the client's bare gRPC calls are in the figure.
// Metrics: processor time of the thread a call or a row (µs, median of the rounds), and mine/base: the median of the ratios of the rounds,
// and the ratio of the fastest fifths. Both builds run in this one process and take short turns, so load of the machine meets both alike.
// Needs Node >= 24 (`npx node`):  npx node bench/cpu.mjs --base PATH [--mine PATH] [--rounds N] [--only TEXT]
// where PATH is a checkout with `dist/`; `--mine` is this one unless given.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const DIM = 128;
const SEARCH_ROWS = 500;
const IN_FLIGHT = 8;
const SERVICE = '/milvus.proto.milvus.MilvusService/';
const here = resolve(import.meta.dirname, '..');

const seeded = (seed) => {
  let x = (Math.imul(seed, 2654435761) + 12345) >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32 - 0.5;
  };
};

const vectorOf = (seed) => Array.from({ length: DIM }, seeded(seed));

/** One build, opened in this process, with a client of its own. */
async function openBuild(root) {
  const from = createRequire(`${root}/package.json`);
  const { open } = await import(`${root}/dist/server/open.js`);
  const proto = {
    ...(await import(`${root}/dist/proto/milvus/common.js`)),
    ...(await import(`${root}/dist/proto/milvus/milvus.js`)),
  };
  const { MilvusClient, DataType } = from('@zilliz/milvus2-sdk-node');
  const grpc = from('@grpc/grpc-js');
  const database = await open(undefined, { logLevel: 'error' });
  // Connections to one address are shared otherwise.
  const channelOptions = { 'grpc.use_local_subchannel_pool': 1, 'grpc.max_send_message_length': -1 };
  const client = new MilvusClient({
    address: database.address,
    timeout: 60_000,
    logLevel: 'error',
    channelOptions,
  });
  await client.connectPromise;
  const raw = new grpc.Client(database.address, grpc.credentials.createInsecure(), channelOptions);
  const bare = (value) => value;
  const call = (method, bytes) =>
    new Promise((done, failed) =>
      raw.makeUnaryRequest(SERVICE + method, bare, bare, bytes, (error, value) =>
        error ? failed(error) : done(value),
      ),
    );
  return { database, client, call, proto, DataType };
}

async function createCollection({ client, DataType }, name, options = {}) {
  const fields = [
    { name: 'id', data_type: DataType.Int64, is_primary_key: true },
    { name: 'v', data_type: DataType.FloatVector, dim: DIM },
    ...(options.word ? [{ name: 'word', data_type: DataType.VarChar, max_length: 40 }] : []),
  ];
  await client.createCollection({
    collection_name: name,
    fields,
    enable_dynamic_field: options.dynamic ?? false,
  });
  await client.createIndex({ collection_name: name, field_name: 'v', index_type: 'FLAT', metric_type: 'L2' });
  await client.loadCollectionSync({ collection_name: name });
}

/** Searches of one kind: `segmentCount` segments whose keys lie between one another's. */
function searchCase(name, segmentCount, outputFields) {
  const word = outputFields.includes('word');
  const callsPerRound = 3 * IN_FLIGHT;
  return {
    name: `search ${name}`,
    unit: 'search',
    async prepare(build) {
      const { client, proto } = build;
      await createCollection(build, name, { word });
      for (let segment = 0; segment < segmentCount; segment++) {
        const data = Array.from({ length: SEARCH_ROWS }, (_, row) => {
          const id = row * segmentCount + segment;
          return { id, v: vectorOf(id), ...(word && { word: `word number ${id}` }) };
        });
        await client.insert({ collection_name: name, data });
        await client.flushSync({ collection_names: [name] });
      }
      const values = [new Uint8Array(Float32Array.from(vectorOf(7)).buffer)];
      const value = proto.PlaceholderGroup.encode({
        placeholders: [{ tag: '$0', type: 101, values }],
      }).finish();
      const searchParams = Object.entries({
        anns_field: 'v',
        topk: '10',
        params: '{}',
        metric_type: 'L2',
      }).map(([key, value]) => ({
        key,
        value,
      }));
      const request = {
        collectionName: name,
        outputFields,
        nq: 1n,
        searchInput: { $case: 'placeholderGroup', value },
        searchParams,
      };
      build[name] = Buffer.from(
        proto.SearchRequest.encode(proto.SearchRequest.fromPartial(request)).finish(),
      );
    },
    async round(build) {
      return async () => {
        for (let done = 0; done < callsPerRound; done += IN_FLIGHT)
          await Promise.all(Array.from({ length: IN_FLIGHT }, () => build.call('Search', build[name])));
        return callsPerRound;
      };
    },
  };
}

const varints = (values) => {
  const bytes = [];
  for (let value of values) {
    for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    bytes.push(value);
  }
  return Uint8Array.from(bytes);
};

const text = new TextEncoder();
function insertRequest({ proto, DataType }, collectionName, first, rowCount, vectors, dynamic) {
  const ids = varints(Array.from({ length: rowCount }, (_, row) => first + row));
  const scalars = (data) => ({ $case: 'scalars', value: { data } });
  const floats = { $case: 'floatVector', value: { data: vectors } };
  const fieldsData = [
    { type: DataType.Int64, fieldName: 'id', field: scalars({ $case: 'longData', value: { data: ids } }) },
    {
      type: DataType.FloatVector,
      fieldName: 'v',
      field: { $case: 'vectors', value: { dim: BigInt(DIM), data: floats } },
    },
  ];
  if (dynamic) {
    const rows = Array.from({ length: rowCount }, (_, row) =>
      text.encode(JSON.stringify({ color: `color ${row % 9}`, price: first + row })),
    );
    fieldsData.push({
      type: DataType.JSON,
      fieldName: '$meta',
      isDynamic: true,
      field: scalars({ $case: 'jsonData', value: { data: rows } }),
    });
  }
  return Buffer.from(
    proto.InsertRequest.encode(
      proto.InsertRequest.fromPartial({ collectionName, numRows: rowCount, fieldsData }),
    ).finish(),
  );
}

/** Rows inserted into a collection before another takes its place. */
const COLLECTION_ROWS = 100_000;
function insertCase(rowCount, dynamic) {
  const name = `insert_${rowCount}${dynamic ? '_dynamic' : ''}`;
  const callsPerRound = rowCount === 1 ? 3 * IN_FLIGHT : rowCount === 100 ? IN_FLIGHT : 2;
  let vectors = new Uint8Array(0);
  const next = async (build) => {
    const state = build[name];
    if (state.generation > 0 && state.first + callsPerRound * rowCount <= COLLECTION_ROWS) return state;
    if (state.generation > 0)
      await build.client.dropCollection({ collection_name: `${name}_${state.generation}` });
    state.generation++;
    state.first = 0;
    await createCollection(build, `${name}_${state.generation}`, { dynamic });
    return state;
  };
  return {
    name: `insert ${rowCount}${dynamic ? ' $' : ''}`,
    unit: 'row',
    async prepare(build) {
      build[name] = { generation: 0, first: 0 };
      vectors = new Uint8Array(Float32Array.from({ length: rowCount * DIM }, seeded(3)).buffer);
    },
    async round(build) {
      const state = await next(build);
      const requests = Array.from({ length: callsPerRound }, () => {
        state.first += rowCount;
        return insertRequest(build, `${name}_${state.generation}`, state.first, rowCount, vectors, dynamic);
      });
      return async () => {
        const answers = [];
        for (let at = 0; at < requests.length; at += IN_FLIGHT)
          answers.push(
            ...(await Promise.all(
              requests.slice(at, at + IN_FLIGHT).map((bytes) => build.call('Insert', bytes)),
            )),
          );
        const { status } = build.proto.MutationResult.decode(answers[0]);
        if ((status?.code ?? 0) !== 0) throw new Error(status.reason);
        return callsPerRound * rowCount;
      };
    },
  };
}

const cpuMicros = () => {
  const { user, system } = process.threadCpuUsage();
  return user + system;
};

const sorted = (values) => [...values].sort((a, b) => a - b);
const quantile = (values, share) => sorted(values)[Math.floor(values.length * share)];

async function main() {
  const { values } = parseArgs({
    options: {
      base: { type: 'string' },
      mine: { type: 'string', default: here },
      rounds: { type: 'string', default: '300' },
      only: { type: 'string', default: '' },
    },
  });
  if (values.base === undefined) throw new Error('give the other build: --base PATH');
  const rounds = Number(values.rounds);
  const builds = { base: await openBuild(resolve(values.base)), mine: await openBuild(resolve(values.mine)) };
  const cases = [
    searchCase('one', 1, []),
    searchCase('many', 4, ['id']),
    searchCase('scalar', 1, ['id', 'word']),
    ...[false, true].flatMap((dynamic) => [1, 100, 2000].map((rowCount) => insertCase(rowCount, dynamic))),
  ].filter(({ name }) => name.includes(values.only));
  for (const one of cases) {
    const micros = { base: [], mine: [] };
    for (const build of Object.values(builds)) await one.prepare(build);
    for (let round = 0; round < rounds * 1.25; round++) {
      for (const which of round % 2 === 0 ? ['base', 'mine'] : ['mine', 'base']) {
        const act = await one.round(builds[which]);
        const begin = cpuMicros();
        const count = await act();
        // The first are for the compiler.
        if (round >= rounds / 4) micros[which].push((cpuMicros() - begin) / count);
      }
    }
    const ratios = micros.mine.map((mine, round) => mine / micros.base[round]);
    const median = (which) => quantile(micros[which], 0.5).toFixed(2).padStart(8);
    const low = quantile(micros.mine, 0.2) / quantile(micros.base, 0.2);
    console.log(
      `${one.name.padEnd(14)} base ${median('base')}  mine ${median('mine')} us a ${one.unit}; mine/base ${quantile(ratios, 0.5).toFixed(3)}, of the fast rounds ${low.toFixed(3)}`,
    );
  }
  for (const { client, database } of Object.values(builds)) {
    await client.closeConnection();
    await database.close();
  }
}

await main();
process.exit(0);
