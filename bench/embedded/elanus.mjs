// Elanus as a program embeds it: calls in the process, and the same database through the Milvus SDK.
import { graphParameters, graphWidths } from '../ann/parameters.mjs';
import { PASS_SHARES, passColumn, passingRows } from '../ann/sets.mjs';
import { bareEngine } from './bare.mjs';

const dist = (path) => import(new URL(`../../dist/${path}`, import.meta.url).href);
/** Only the engine that uses it loads it: it takes 40 MB that would count for the others. */
const milvusSdk = () => import('@zilliz/milvus2-sdk-node');
/** Values of the protocol. */
const DataType = { Bool: 1, Int64: 5, FloatVector: 101 };
const name = 'rows';
const BATCH = 1000;
const bytesOf = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);
const succeeded = (answer) => {
  const { code, reason } = answer.status ?? answer;
  if (code !== 0) throw new Error(`${code}: ${reason}`);
  return answer;
};

const indexParameters = ({ metric }) => ({
  index_type: 'HNSW',
  metric_type: metric,
  M: String(graphParameters.M),
  efConstruction: String(graphParameters.efConstruction),
});

/** Bits of the rows that pass, one byte a row. */
const flagsOf = (rows, share) => {
  const { passing } = passingRows(rows, share);
  return Uint8Array.from({ length: rows }, (_, row) => (passing[row >> 3] >> (row & 7)) & 1);
};

async function schemaOf({ dim }) {
  const { CollectionSchema } = await dist('proto/milvus/schema.js');
  const fields = [
    { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    ...PASS_SHARES.map((share) => ({ name: passColumn(share), dataType: DataType.Bool })),
    { name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: String(dim) }] },
  ];
  return CollectionSchema.encode(CollectionSchema.fromPartial({ name, fields })).finish();
}

/** Columns of some rows; int64 as the protocol has it. */
function columns({ base, dim }, flags, begin, end) {
  const ids = [];
  for (let row = begin; row < end; row++) {
    let rest = row;
    for (; rest > 127; rest >>= 7) ids.push((rest & 127) | 128);
    ids.push(rest);
  }
  const scalar = (fieldName, type, data) => ({
    ...{ fieldName, type },
    field: { $case: 'scalars', value: { data } },
  });
  return [
    scalar('id', DataType.Int64, { $case: 'longData', value: { data: Uint8Array.from(ids) } }),
    ...PASS_SHARES.map((share, i) =>
      scalar(passColumn(share), DataType.Bool, {
        ...{ $case: 'boolData', value: { data: flags[i].subarray(begin, end) } },
      }),
    ),
    {
      ...{ fieldName: 'v', type: DataType.FloatVector },
      field: {
        $case: 'vectors',
        value: {
          dim: BigInt(dim),
          data: { $case: 'floatVector', value: { data: bytesOf(base.subarray(begin * dim, end * dim)) } },
        },
      },
    },
  ];
}

async function indexed(transport) {
  for (;;) {
    const { indexDescriptions } = succeeded(
      await transport.call('describeIndex', { collectionName: name, indexName: 'v' }, {}),
    );
    if (indexDescriptions[0]?.pendingIndexRows === 0n && indexDescriptions[0].indexedRows > 0n) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function loaded(transport) {
  succeeded(await transport.call('loadCollection', { collectionName: name }, {}));
  while ((await transport.call('getLoadingProgress', { collectionName: name }, {})).progress !== 100n)
    await new Promise((resolve) => setTimeout(resolve, 5));
}

const inProcess = {
  name: 'elanus, calls in process',
  searchesFilesOf: 'elanus, typed client',
  durability: 'fsync before the answer',
  widths: graphWidths,
  async load(set, folder) {
    const { open } = await dist('server/open.js');
    const database = await open(folder, { logLevel: 'error', listen: false });
    const transport = database.transport();
    const schema = await schemaOf(set);
    succeeded(await transport.call('createCollection', { collectionName: name, schema, shardsNum: 1 }, {}));
    const extraParams = Object.entries(indexParameters(set)).map(([key, value]) => ({ key, value }));
    const index = { collectionName: name, fieldName: 'v', indexName: 'v', extraParams };
    succeeded(await transport.call('createIndex', index, {}));
    const flags = PASS_SHARES.map((share) => flagsOf(set.rows, share));
    const begin = performance.now();
    for (let row = 0; row < set.rows; row += BATCH) {
      const end = Math.min(set.rows, row + BATCH);
      const fieldsData = columns(set, flags, row, end);
      succeeded(await transport.call('insert', { collectionName: name, fieldsData, numRows: end - row }, {}));
    }
    const inserted = performance.now();
    succeeded(await transport.call('flush', { collectionNames: [name] }, {}));
    await indexed(transport);
    const built = performance.now();
    await loaded(transport);
    await database.close();
    return { insertMs: inserted - begin, buildMs: built - inserted };
  },
  async open(set, folder) {
    const { open } = await dist('server/open.js');
    const { PlaceholderGroup } = await dist('proto/milvus/common.js');
    const database = await open(folder, { logLevel: 'error', listen: false });
    const transport = database.transport();
    const ask = async (query, k, width, expr) => {
      const placeholders = [{ tag: '$0', type: 101, values: [bytesOf(query)] }];
      const value = PlaceholderGroup.encode(PlaceholderGroup.fromPartial({ placeholders })).finish();
      const request = {
        collectionName: name,
        searchInput: { $case: 'placeholderGroup', value },
        dsl: expr,
        searchParams: [
          { key: 'anns_field', value: 'v' },
          { key: 'topk', value: String(k) },
          { key: 'metric_type', value: set.metric },
          { key: 'params', value: JSON.stringify({ ef: width }) },
        ],
        ...{ nq: 1n, dslType: 1, consistencyLevel: 3 },
      };
      const { results } = succeeded(await transport.call('search', request, {}));
      return idsOf(results.ids.idField.value.data);
    };
    return {
      search: (query, k, width) => ask(query, k, width, ''),
      filtered: (query, k, width, share) => ask(query, k, width, `${passColumn(share)} == true`),
      close: () => database.close(),
    };
  },
};

function idsOf(packed) {
  const ids = [];
  for (let at = 0; at < packed.length; ) {
    let id = 0;
    let shift = 0;
    for (; packed[at] > 127; at++, shift += 7) id |= (packed[at] & 127) << shift;
    ids.push(id | (packed[at++] << shift));
  }
  return ids;
}

async function declarationOf({ dim, metric }) {
  const { bool, collection, floatVector, int64 } = await dist('client/connect.js');
  const { index_type: type, ...rest } = indexParameters({ metric });
  const { metric_type: _metric, ...params } = rest;
  const passing = Object.fromEntries(PASS_SHARES.map((share) => [passColumn(share), bool()]));
  return collection(name, {
    id: int64().primaryKey(),
    ...passing,
    v: floatVector(dim).index({ type, metric, params }),
  });
}

const typed = {
  ...inProcess,
  name: 'elanus, typed client',
  searchesFilesOf: undefined,
  async load(set, folder) {
    const { open } = await dist('server/open.js');
    const database = await open(folder, { logLevel: 'error', listen: false });
    const rows = database.client().collection(await declarationOf(set));
    await rows.create();
    const flags = PASS_SHARES.map((share) => flagsOf(set.rows, share));
    const begin = performance.now();
    for (let row = 0; row < set.rows; row += BATCH) {
      const end = Math.min(set.rows, row + BATCH);
      await rows.insert.columns({
        id: BigInt64Array.from({ length: end - row }, (_, i) => BigInt(row + i)),
        ...Object.fromEntries(
          PASS_SHARES.map((share, i) => [
            passColumn(share),
            Array.from(flags[i].subarray(row, end), Boolean),
          ]),
        ),
        v: set.base.subarray(row * set.dim, end * set.dim),
      });
    }
    const inserted = performance.now();
    await rows.flush();
    await indexed(database.transport());
    const built = performance.now();
    await rows.load();
    await database.close();
    return { insertMs: inserted - begin, buildMs: built - inserted };
  },
  async open(set, folder) {
    const { open } = await dist('server/open.js');
    return typed.over(await open(folder, { logLevel: 'error', listen: false }), set);
  },
  async over(database, set) {
    const rows = database.client().collection(await declarationOf(set));
    const ask = async (query, limit, width, where) =>
      Array.from(
        (
          await rows.search('v', query, {
            limit,
            params: { ef: width },
            consistency: 'eventually',
            where,
            output: [],
          })
        ).ids,
        Number,
      );
    return {
      search: (query, k, width) => ask(query, k, width),
      filtered: (query, k, width, share) => ask(query, k, width, (f) => f[passColumn(share)].eq(true)),
      close: () => database.close(),
    };
  },
};

const sdk = {
  name: 'elanus, Milvus SDK',
  durability: 'fsync before the answer',
  widths: graphWidths,
  async load(set, folder) {
    const { open } = await dist('server/open.js');
    const database = await open(folder, { logLevel: 'error' });
    const { MilvusClient } = await milvusSdk();
    const client = new MilvusClient({ address: database.address, logLevel: 'error', timeout: 600_000 });
    const collection_name = name;
    const fields = [
      { name: 'id', data_type: DataType.Int64, is_primary_key: true },
      ...PASS_SHARES.map((share) => ({ name: passColumn(share), data_type: DataType.Bool })),
      { name: 'v', data_type: DataType.FloatVector, dim: set.dim },
    ];
    succeeded(await client.createCollection({ collection_name, fields }));
    const { index_type, metric_type, ...params } = indexParameters(set);
    succeeded(
      await client.createIndex({
        collection_name,
        field_name: 'v',
        index_name: 'v',
        index_type,
        metric_type,
        params,
      }),
    );
    const flags = PASS_SHARES.map((share) => flagsOf(set.rows, share));
    const begin = performance.now();
    for (let row = 0; row < set.rows; row += BATCH) {
      const data = Array.from({ length: Math.min(BATCH, set.rows - row) }, (_, i) => ({
        id: row + i,
        ...Object.fromEntries(PASS_SHARES.map((share, s) => [passColumn(share), flags[s][row + i] === 1])),
        v: Array.from(set.base.subarray((row + i) * set.dim, (row + i + 1) * set.dim)),
      }));
      succeeded(await client.insert({ collection_name, data }));
    }
    const inserted = performance.now();
    succeeded((await client.flushSync({ collection_names: [name] })).status);
    await indexed(database.transport());
    const built = performance.now();
    await loaded(database.transport());
    await client.closeConnection();
    await database.close();
    return { insertMs: inserted - begin, buildMs: built - inserted };
  },
  async open(_set, folder) {
    const { open } = await dist('server/open.js');
    const database = await open(folder, { logLevel: 'error' });
    const { MilvusClient } = await milvusSdk();
    const client = new MilvusClient({ address: database.address, logLevel: 'error', timeout: 600_000 });
    const ask = async (query, limit, width, filter) => {
      const asked = { collection_name: name, data: Array.from(query), limit, filter, params: { ef: width } };
      // Without output_fields the SDK asks for all of them, vectors among them; the other engines answer ids.
      const { status, results } = await client.search({
        ...asked,
        output_fields: ['id'],
        consistency_level: 3,
      });
      succeeded({ code: status.code, reason: status.reason });
      return results.map(({ id }) => Number(id));
    };
    return {
      search: (query, k, width) => ask(query, k, width, ''),
      filtered: (query, k, width, share) => ask(query, k, width, `${passColumn(share)} == true`),
      async close() {
        await client.closeConnection();
        await database.close();
      },
    };
  },
};

export const engines = [typed, inProcess, sdk, bareEngine(typed)];
