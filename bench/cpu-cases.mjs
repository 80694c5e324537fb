// The calls that cpu.mjs measures. A case makes its data in a build once, and then gives the requests of a turn, encoded beforehand.
export const IN_FLIGHT = 8;
const DIM = 128;
const SEARCH_ROWS = 500;

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

async function createCollection({ client, DataType }, name, { rich = false, dynamic = false } = {}) {
  const fields = [
    { name: 'id', data_type: DataType.Int64, is_primary_key: true },
    { name: 'v', data_type: DataType.FloatVector, dim: DIM },
  ];
  if (rich) {
    fields.push({ name: 'word', data_type: DataType.VarChar, max_length: 40 });
    fields.push({ name: 'n', data_type: DataType.Int32 });
  }
  await client.createCollection({ collection_name: name, fields, enable_dynamic_field: dynamic });
  await client.createIndex({ collection_name: name, field_name: 'v', index_type: 'FLAT', metric_type: 'L2' });
  await client.loadCollectionSync({ collection_name: name });
}

/** Rows whose keys lie between those of the other segments, each segment written to files unless it is to grow. */
async function fill({ client }, name, { segmentCount, rich, growing }) {
  for (let segment = 0; segment < segmentCount; segment++) {
    const data = Array.from({ length: SEARCH_ROWS }, (_, row) => {
      const id = row * segmentCount + segment;
      return { id, v: vectorOf(id), ...(rich && { word: `word number ${id}`, n: id }) };
    });
    await client.insert({ collection_name: name, data });
    if (!growing) await client.flushSync({ collection_names: [name] });
  }
}

const encoded = (type, request) => Buffer.from(type.encode(type.fromPartial(request)).finish());
const pairs = (values) => Object.entries(values).map(([key, value]) => ({ key, value }));

function searchRequest({ proto }, collectionName, { outputFields, filter }) {
  const values = [new Uint8Array(Float32Array.from(vectorOf(7)).buffer)];
  const value = proto.PlaceholderGroup.encode({ placeholders: [{ tag: '$0', type: 101, values }] }).finish();
  return encoded(proto.SearchRequest, {
    collectionName,
    outputFields,
    nq: 1n,
    dsl: filter,
    searchInput: { $case: 'placeholderGroup', value },
    searchParams: pairs({ anns_field: 'v', topk: '10', params: '{}', metric_type: 'L2' }),
  });
}

const queryRequest = ({ proto }, collectionName, { outputFields, filter }) =>
  encoded(proto.QueryRequest, {
    collectionName,
    outputFields,
    expr: filter,
    queryParams: pairs({ limit: '10' }),
  });

const jsonBody = (body) => Buffer.from(JSON.stringify(body));

const restRequest = (method, collectionName, { outputFields, filter }) =>
  jsonBody({
    ...{ collectionName, outputFields, filter, limit: 10 },
    ...(method === 'Search' && {
      data: [Array.from(Float32Array.from(vectorOf(7)))],
      annsField: 'v',
      searchParams: { metricType: 'L2', params: {} },
    }),
  });

/** Searches or queries, all of one request. */
function readCase(name, { method = 'Search', outputFields = [], filter = '', path, ...data }) {
  const place = { segmentCount: 1, rich: false, growing: false, ...data };
  return {
    name,
    unit: 'call',
    method,
    path,
    answer: method === 'Search' ? 'SearchResults' : 'QueryResults',
    async prepare(build) {
      const collection = name.replaceAll(' ', '_');
      await createCollection(build, collection, place);
      await fill(build, collection, place);
      const request = method === 'Search' ? searchRequest : queryRequest;
      const asked = { outputFields, filter };
      build[name] =
        path === undefined ? request(build, collection, asked) : restRequest(method, collection, asked);
    },
    turn: async (build, calls) => ({
      requests: Array.from({ length: calls }, () => build[name]),
      units: calls,
    }),
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

/** The rows of an insert as JSON, whose vectors are written once. */
function restInsert(rowCount, dynamic) {
  const random = seeded(3);
  const vectors = Array.from({ length: rowCount }, () =>
    JSON.stringify(Array.from(Float32Array.from({ length: DIM }, random))),
  );
  return (collectionName, first) => {
    const rows = vectors.map((vector, row) => {
      const more = dynamic ? `,"color":"color ${row % 9}","price":${first + row}` : '';
      return `{"id":${first + row},"v":${vector}${more}}`;
    });
    return Buffer.from(`{"collectionName":"${collectionName}","data":[${rows.join(',')}]}`);
  };
}

const text = new TextEncoder();
function insertRequest({ proto, DataType }, collectionName, { first, rowCount, vectors, dynamic }) {
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
    const field = scalars({ $case: 'jsonData', value: { data: rows } });
    fieldsData.push({ type: DataType.JSON, fieldName: '$meta', isDynamic: true, field });
  }
  return encoded(proto.InsertRequest, { collectionName, numRows: rowCount, fieldsData });
}

/** Rows inserted into a collection before another takes its place. */
const COLLECTION_ROWS = 100_000;
function insertCase(rowCount, dynamic, path) {
  const name = `${path === undefined ? '' : 'REST '}insert ${rowCount}${dynamic ? ' $' : ''}`;
  const collectionOf = ({ generation }) => `${name.replaceAll(/\W+/g, '_')}_${generation}`;
  const bodyOf = restInsert(path === undefined ? 0 : rowCount, dynamic);
  const vectors = new Uint8Array(Float32Array.from({ length: rowCount * DIM }, seeded(3)).buffer);
  const begin = async (build, state) => {
    if (state.generation > 0) await build.client.dropCollection({ collection_name: collectionOf(state) });
    state.generation++;
    state.first = 0;
    await createCollection(build, collectionOf(state), { dynamic });
  };
  return {
    name,
    unit: 'row',
    method: 'Insert',
    path,
    answer: 'MutationResult',
    async prepare(build) {
      build[name] = { generation: 0, first: COLLECTION_ROWS };
    },
    async turn(build, calls) {
      const state = build[name];
      if (state.generation === 0 || state.first + calls * rowCount > COLLECTION_ROWS)
        await begin(build, state);
      const requests = Array.from({ length: calls }, () => {
        state.first += rowCount;
        const [collection, { first }] = [collectionOf(state), state];
        return path === undefined
          ? insertRequest(build, collection, { first, rowCount, vectors, dynamic })
          : bodyOf(collection, first);
      });
      return { requests, units: calls * rowCount };
    },
  };
}

const SEARCH_PATH = '/v2/vectordb/entities/search';
const QUERY_PATH = '/v2/vectordb/entities/query';
const INSERT_PATH = '/v2/vectordb/entities/insert';
const keys = Array.from({ length: 10 }, (_, at) => at * 37);
export const cases = [
  readCase('search one', {}),
  readCase('search growing', { growing: true }),
  readCase('search many', { segmentCount: 4, outputFields: ['id'] }),
  readCase('search scalar', { rich: true, outputFields: ['id', 'word'] }),
  readCase('search keys', { filter: `id in [${keys}]` }),
  readCase('search filter', { rich: true, filter: 'n < 250' }),
  readCase('query keys', {
    method: 'Query',
    rich: true,
    filter: `id in [${keys}]`,
    outputFields: ['id', 'word'],
  }),
  readCase('query filter', { method: 'Query', rich: true, filter: 'n >= 250', outputFields: ['id', 'word'] }),
  ...[false, true].flatMap((dynamic) => [1, 100, 2000].map((rowCount) => insertCase(rowCount, dynamic))),
  readCase('REST search one', { path: SEARCH_PATH }),
  readCase('REST search scalar', { path: SEARCH_PATH, rich: true, outputFields: ['id', 'word'] }),
  readCase('REST search filter', { path: SEARCH_PATH, rich: true, filter: 'n < 250' }),
  readCase('REST query keys', {
    ...{ method: 'Query', path: QUERY_PATH, rich: true },
    filter: `id in [${keys}]`,
    outputFields: ['id', 'word'],
  }),
  ...[1, 100].map((rowCount) => insertCase(rowCount, false, INSERT_PATH)),
  insertCase(100, true, INSERT_PATH),
];
