// A day of @zilliz/milvus2-sdk-node, unmodified, in every generation that is installed under the alias `milvus-VERSION`: all against one
// server at the same time, each in a database of its own. What a generation has no method for is named and left out.
// Usage, where the generations are installed: RUNTIME node-sdk-day.mjs ADDRESS VERSION...
import { Checks, done, equal, sorted } from './checks.mjs';
import { definitions } from './node-sdk-definitions.mjs';

const [address, ...versions] = process.argv.slice(2);
const runtime = ['bun', 'deno'].find((name) => process.versions[name] !== undefined) ?? 'node';
const DIM = 8;
const ROWS = 300;
const checks = new Checks();

const vectorOf = (at) => Array.from({ length: DIM }, (_, i) => Math.fround(Math.sin(at * DIM + i + 1)));
const bitsOf = (at) => [at & 255, (at * 7) & 255];
const rowOf = (at) => ({
  id: at,
  title: `title ${at}`,
  age: at % 50,
  score: at / 2,
  isNew: at % 2 === 0,
  tags: [`t${at % 3}`, `u${at % 5}`],
  doc: { kind: at % 4, deep: { x: at } },
  vector: vectorOf(at),
  extra: `dynamic ${at % 10}`,
});
const range = (end, keep = () => true) => Array.from({ length: end }, (_, at) => at).filter(keep);

async function day(version) {
  const { MilvusClient, DataType } = await import(`milvus-${version}`);
  const database = `${runtime}_${version.replaceAll('.', '_')}`;
  const name = 'articles';
  const at = { collection_name: name };
  const client = new MilvusClient({ address, logLevel: 'error' });
  const check = (step, run) => checks.run(`${runtime} ${version} ${step}`, run);
  /** Runs when the generation has the method. */
  const has = (method, run) =>
    typeof client[method] === 'function'
      ? check(method, run)
      : console.log(`  --    ${version} has no ${method}`);
  const ids = async (filter, more = {}) => {
    const found = done(
      await client.query({
        ...at,
        filter,
        output_fields: ['id'],
        limit: 1000,
        consistency_level: 0,
        ...more,
      }),
    );
    return sorted(found.data.map((row) => Number(row.id)));
  };
  // The first generation has other names for these two, and deletes by filter with one method only.
  const use = (request) => (client.useDatabase ?? client.use).call(client, request);
  const loadPartitions = (request) =>
    (client.loadPartitionsSync ?? client.loadPartitions).call(client, request);
  const deleteWhere = (filter) =>
    version.startsWith('2.3') ? client.deleteEntities({ ...at, filter }) : client.delete({ ...at, filter });
  const deleteIds = (ids) => client.delete({ ...at, ids });
  const count = async () => {
    const found = await client.query({
      ...at,
      filter: '',
      output_fields: ['count(*)'],
      consistency_level: 0,
    });
    return Number(done(found).data[0]['count(*)']);
  };

  await check('connects', async () => {
    await client.connectPromise;
    const { isHealthy } = await client.checkHealth();
    equal(isHealthy, true);
    return done(await client.getVersion()).version;
  });
  await check('makes a database and uses it', async () => {
    done(await client.createDatabase({ db_name: database }));
    equal(done(await client.listDatabases()).db_names.includes(database), true);
    done(await use({ db_name: database }));
    equal(done(await client.showCollections()).data, []);
  });
  await check('creates a collection of every kind of field', async () => {
    done(
      await client.createCollection({
        ...at,
        description: 'a day',
        enable_dynamic_field: true,
        consistency_level: 'Strong',
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true, autoID: false },
          { name: 'title', data_type: DataType.VarChar, max_length: 64 },
          { name: 'age', data_type: DataType.Int32 },
          { name: 'score', data_type: DataType.Double },
          { name: 'isNew', data_type: DataType.Bool },
          {
            name: 'tags',
            data_type: DataType.Array,
            element_type: DataType.VarChar,
            max_capacity: 8,
            max_length: 16,
          },
          { name: 'doc', data_type: DataType.JSON },
          { name: 'vector', data_type: DataType.FloatVector, dim: DIM },
        ],
      }),
    );
    equal(done(await client.hasCollection(at)).value, true);
    equal(done(await client.hasCollection({ collection_name: 'nobody' })).value, false);
  });
  await check('describes it', async () => {
    const { schema, consistency_level } = done(await client.describeCollection(at));
    equal(
      schema.fields.map((field) => [field.name, field.data_type]),
      [
        ['id', 'Int64'],
        ['title', 'VarChar'],
        ['age', 'Int32'],
        ['score', 'Double'],
        ['isNew', 'Bool'],
        ['tags', 'Array'],
        ['doc', 'JSON'],
        ['vector', 'FloatVector'],
      ],
    );
    equal([schema.enable_dynamic_field, schema.description, consistency_level], [true, 'a day', 'Strong']);
  });
  await check('builds indexes', async () => {
    const params = { M: 8, efConstruction: 64 };
    done(
      await client.createIndex({
        ...at,
        field_name: 'vector',
        index_name: 'near',
        index_type: 'HNSW',
        metric_type: 'L2',
        params,
      }),
    );
    done(await client.createIndex({ ...at, field_name: 'age', index_type: 'STL_SORT' }));
    done(await client.createIndex({ ...at, field_name: 'title', index_type: 'Trie' }));
    const found = done(await client.describeIndex({ ...at, field_name: 'vector' })).index_descriptions[0];
    equal([found.index_name, found.field_name, found.state], ['near', 'vector', 'Finished']);
    const kept = Object.fromEntries(found.params.map(({ key, value }) => [key, value]));
    equal([kept.index_type, kept.metric_type], ['HNSW', 'L2']);
    equal(done(await client.getIndexState({ ...at, field_name: 'vector' })).state, 'Finished');
    done(await client.getIndexBuildProgress({ ...at, field_name: 'vector' }));
  });
  await check('loads', async () => {
    done(await client.loadCollectionSync(at));
    equal(done(await client.getLoadState(at)).state, 'LoadStateLoaded');
    equal(String(done(await client.getLoadingProgress(at)).progress), '100');
  });
  await check('inserts rows', async () => {
    const answer = done(await client.insert({ ...at, data: range(ROWS).map(rowOf) }));
    equal([answer.insert_cnt, answer.IDs.int_id.data.length], [String(ROWS), ROWS]);
    equal(await count(), ROWS);
  });
  await check('upserts', async () => {
    const rows = [{ ...rowOf(5), title: 'changed' }, rowOf(ROWS)];
    equal(done(await client.upsert({ ...at, data: rows })).upsert_cnt, '2');
    equal(await ids('title == "changed"'), [5]);
    equal(await count(), ROWS + 1);
  });
  await check('queries with filters', async () => {
    const all = range(ROWS + 1);
    equal(
      await ids('age > 10 and age <= 12'),
      all.filter((id) => [11, 12].includes(id % 50)),
    );
    equal(
      await ids('array_contains(tags, "t1") and id < 30'),
      range(30, (id) => id % 3 === 1),
    );
    equal(
      await ids('doc["kind"] == 2 and doc["deep"]["x"] < 20'),
      range(20, (id) => id % 4 === 2),
    );
    equal(
      await ids('extra == "dynamic 7"'),
      all.filter((id) => id % 10 === 7),
    );
    equal(
      await ids('title like "title 1%" and isNew == true and id < 20'),
      range(20, (id) => id % 2 === 0 && `${id}`[0] === '1'),
    );
    equal(await ids('id in [1, 2, 100000]'), [1, 2]);
    equal((await ids('id >= 0', { limit: 10, offset: 20 })).length, 10);
  });
  await check('reads every field back', async () => {
    const [row] = done(
      await client.query({ ...at, filter: 'id == 9', output_fields: ['*'], consistency_level: 0 }),
    ).data;
    equal(
      [row.id, row.title, row.age, row.score, row.isNew, row.tags],
      ['9', 'title 9', 9, 4.5, false, ['t0', 'u4']],
    );
    equal(row.doc, { kind: 1, deep: { x: 9 } });
    equal(row.vector.map(Math.fround), vectorOf(9));
  });
  await check('gets by ids', async () => {
    const rows = done(await client.get({ ...at, ids: [3, 4], output_fields: ['title', 'extra'] })).data;
    // Queries of this SDK leave dynamic keys where they are.
    equal(rows.map(({ title, $meta }) => [title, $meta.extra]).sort(), [
      ['title 3', 'dynamic 3'],
      ['title 4', 'dynamic 4'],
    ]);
  });
  await check('searches', async () => {
    const { results } = done(
      await client.search({
        ...at,
        vector: vectorOf(7),
        limit: 5,
        output_fields: ['id', 'title', 'extra', 'doc'],
      }),
    );
    equal([results.length, results[0].id, results[0].title], [5, '7', 'title 7']);
    equal([results[0].extra, results[0].doc], ['dynamic 7', { kind: 3, deep: { x: 7 } }]);
    equal(results[0].score < 1e-5, true);
  });
  await check('searches with a filter and several vectors', async () => {
    const { results } = done(
      await client.search({
        ...at,
        vectors: [vectorOf(7), vectorOf(8)],
        data: [vectorOf(7), vectorOf(8)],
        filter: 'age >= 8 and tags[0] == "t2"',
        limit: 20,
        params: { ef: 64 },
        output_fields: ['id', 'age', 'tags'],
      }),
    );
    equal(
      results.map((hits) => hits.length),
      [20, 20],
    );
    equal(
      results.flat().every((hit) => hit.age >= 8 && hit.tags[0] === 't2'),
      true,
    );
    equal(results[1][0].id, '8');
  });
  await check('searches a range', async () => {
    const { results } = done(
      await client.search({
        ...at,
        vector: vectorOf(7),
        limit: 100,
        params: { radius: 1, range_filter: 0 },
        output_fields: ['id'],
      }),
    );
    equal(results.length > 0 && results.every(({ score }) => score >= 0 && score < 1), true);
  });
  await check('groups hits by a field', async () => {
    const request = { ...at, vector: vectorOf(7), limit: 5, group_by_field: 'age', output_fields: ['age'] };
    const { results } = done(await client.search(request));
    equal([results.length, new Set(results.map(({ age }) => age)).size], [5, 5]);
  });
  await has('queryIterator', async () => {
    // `expr` and not `filter`: up to 2.5 the SDK asks for the next page by `expr`, and a filter that is there too wins. And a limit:
    // 2.4 never ends without one.
    const pages = await client.queryIterator({
      ...at,
      batchSize: 70,
      limit: 1000,
      expr: 'age < 40',
      output_fields: ['id'],
    });
    const found = [];
    for await (const page of pages) found.push(...page.map(({ id }) => Number(id)));
    equal(
      sorted(found),
      range(ROWS + 1, (id) => id % 50 < 40),
    );
  });
  await has('searchIterator', async () => {
    const pages = await client.searchIterator({
      ...at,
      data: vectorOf(7),
      batchSize: 50,
      limit: 180,
      output_fields: ['id'],
    });
    const found = [];
    for await (const page of pages) found.push(...page.map(({ id }) => Number(id)));
    equal([found.length, new Set(found).size, found[0]], [180, 180, 7]);
  });
  await has('hybridSearch', async () => {
    const two = { collection_name: 'two_vectors' };
    done(
      await client.createCollection({
        ...two,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true, autoID: false },
          { name: 'dense', data_type: DataType.FloatVector, dim: DIM },
          { name: 'sparse', data_type: DataType.SparseFloatVector },
          { name: 'bits', data_type: DataType.BinaryVector, dim: 16 },
        ],
        index_params: [
          { field_name: 'dense', index_type: 'AUTOINDEX', metric_type: 'COSINE' },
          { field_name: 'sparse', index_type: 'SPARSE_INVERTED_INDEX', metric_type: 'IP' },
          { field_name: 'bits', index_type: 'BIN_FLAT', metric_type: 'HAMMING' },
        ],
      }),
    );
    done(await client.loadCollectionSync(two));
    const data = range(60).map((id) => ({
      id,
      dense: vectorOf(id),
      sparse: { [id]: 1, [id + 100]: 0.5 },
      bits: bitsOf(id),
    }));
    equal(done(await client.insert({ ...two, data })).insert_cnt, '60');
    for (const rerank of [
      { strategy: 'rrf', params: { k: 60 } },
      { strategy: 'weighted', params: { weights: [0.7, 0.3] } },
    ]) {
      const { results } = done(
        await client.hybridSearch({
          ...two,
          data: [
            { anns_field: 'dense', data: vectorOf(11), params: {} },
            { anns_field: 'sparse', data: { 11: 1 }, params: {} },
          ],
          rerank,
          limit: 5,
          output_fields: ['id'],
          consistency_level: 0,
        }),
      );
      equal(results[0].id, '11');
    }
    const bits = done(
      await client.search({
        ...two,
        anns_field: 'bits',
        data: bitsOf(12),
        limit: 1,
        consistency_level: 0,
        output_fields: ['id', 'sparse'],
      }),
    );
    equal([bits.results[0].id, bits.results[0].score], ['12', 0]);
    equal(bits.results[0].sparse, { 12: 1, 112: 0.5 });
    done(await client.dropCollection(two));
  });
  await definitions({ check, has, client, at, ids, rowOf, rows: ROWS, deleteIds, loadPartitions, DataType });
  await check('deletes by ids and by filter', async () => {
    done(await deleteIds([0, 1]));
    done(await client.deleteEntities({ ...at, filter: 'id in [2]' }));
    done(await deleteWhere('age >= 25 and extra == "dynamic 7"'));
    const left = range(ROWS + 1, (id) => id > 2 && !(id % 50 >= 25 && id % 10 === 7));
    equal(await ids('id >= 0'), left);
    equal(await count(), left.length);
  });
  await has('truncateCollection', async () => {
    done(await client.truncateCollection(at));
    equal(await count(), 0);
  });
  await check('refuses in the words of the generation', async () => {
    const answer = await client.describeCollection({ collection_name: 'nobody' });
    equal(answer.status.error_code === 'Success', false);
    const wrong = await client.query({ ...at, filter: 'age >', output_fields: ['id'] });
    equal(wrong.status.error_code === 'Success', false);
  });
  await check('connects to the database by its name', async () => {
    const other = new MilvusClient({ address, database, logLevel: 'error' });
    equal(
      done(await other.showCollections()).data.map((kept) => kept.name),
      [name],
    );
    await other.closeConnection();
  });
  await check('releases and drops everything', async () => {
    done(await client.releaseCollection(at));
    equal(done(await client.getLoadState(at)).state, 'LoadStateNotLoad');
    done(await client.dropIndex({ ...at, field_name: 'age' }));
    done(await client.dropCollection(at));
    equal(done(await client.hasCollection(at)).value, false);
    done(await use({ db_name: 'default' }));
    done(await client.dropDatabase({ db_name: database }));
    equal(done(await client.listDatabases()).db_names.includes(database), false);
    await client.closeConnection();
  });
}

await Promise.all(versions.map(day));
process.exit(checks.end());
