// Some fields of a collection are loaded: the others take no memory, and reading them is an error that says so.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { insertRange, keyField, lastingWorld, mustSucceed, vectorField, vectorOf } from './support.js';

let client: MilvusClient;
const world = lastingWorld({ logLevel: 'error' }, (begun) => {
  client = begun;
});

const collection_name = 'partly';
const text = 'x'.repeat(1000);
const load = (load_fields?: string[], skip_load_dynamic_field = false) =>
  client
    .loadCollection({
      collection_name,
      ...(load_fields !== undefined && { load_fields }),
      skip_load_dynamic_field,
    })
    .catch((error: unknown) => ({ code: 1, reason: String(error) }));
const memory = async (): Promise<number> => {
  const page = await (await fetch(`http://${world.database.address}/metrics`)).text();
  const sums = [...page.matchAll(/^elanus_memory_bytes(?:\{[^}]*\})? (\d+)/gm)];
  expect(sums.length).toBeGreaterThan(0);
  return sums.reduce((sum, [, value]) => sum + Number(value), 0);
};

test('a collection is loaded with some of its fields', async () => {
  await mustSucceed(
    client.createCollection({
      collection_name,
      enable_dynamic_field: true,
      fields: [
        keyField,
        vectorField,
        { name: 'other', data_type: DataType.FloatVector, dim: 64 },
        { name: 'text', data_type: DataType.VarChar, max_length: 2000 },
        { name: 'n', data_type: DataType.Int64 },
      ],
    }),
  );
  await mustSucceed(
    client.createIndex({ collection_name, field_name: 'vector', index_type: 'FLAT', metric_type: 'L2' }),
  );
  await insertRange(client, collection_name, 0, 2000, (id) => ({
    other: vectorOf(id, 64),
    text: text + id,
    n: id,
    key: id,
  }));
  await mustSucceed(client.flushSync({ collection_names: [collection_name] }));
  for (const [fields, reason] of [
    [['vector'], 'does not contain primary key field id'],
    [['id', 'n'], 'does not contain vector field'],
    [['id', 'vector', 'none'], 'field none not exist'],
  ] as const)
    expect((await load([...fields])).reason).toContain(reason);
  await mustSucceed(load(['id', 'vector', 'n'], true));
  const few = await memory();
  const expectPart = async (): Promise<void> => {
    const rows = await client.query({ collection_name, filter: 'n == 7', output_fields: ['*'] });
    expect(rows.data.map((row) => Object.keys(row).sort())).toEqual([['id', 'n', 'vector']]);
    const hits = await client.search({ collection_name, data: vectorOf(9), limit: 1, output_fields: ['n'] });
    expect(hits.results).toMatchObject([{ n: '9' }]);
    const wrong = {
      'field text is not loaded': { filter: 'text like "x%"', output_fields: ['id'] },
      'field other is not loaded': { filter: 'n == 7', output_fields: ['other'] },
      'field $meta (key) is not loaded': { filter: 'key == 7', output_fields: ['id'] },
    };
    for (const [reason, query] of Object.entries(wrong)) {
      const { status } = await client.query({ collection_name, ...query });
      expect(status.reason).toContain(reason);
      expect(status.code).toBe(1100);
    }
    expect((await client.delete({ collection_name, filter: 'text == "a"' })).status.reason).toContain(
      'is not loaded',
    );
    const partial = await client.upsert({ collection_name, data: [{ id: 7, n: 8 }], partial_update: true });
    expect(partial.status.reason).toContain('some are not loaded');
  };
  await expectPart();
  await insertRange(client, collection_name, 2000, 2010, (id) => ({
    other: vectorOf(id, 64),
    text: `new ${id}`,
    n: id,
    key: id,
  }));
  const growing = await client.query({ collection_name, filter: 'n == 2005', output_fields: ['*'] });
  expect(growing.data.map((row) => Object.keys(row).sort())).toEqual([['id', 'n', 'vector']]);
  await mustSucceed(
    client.addCollectionField({
      collection_name,
      field: { name: 'late', data_type: DataType.Int64, default_value: 3 },
    }),
  );
  const late = await client.query({ collection_name, filter: 'late == 3', output_fields: ['count(*)'] });
  expect(late.data).toEqual([{ 'count(*)': '2010' }]);
  expect((await load(['id', 'vector'])).reason).toContain("can't change the load field list");
  await mustSucceed(load());
  await expectNoOther();
  await world.restart();
  await expectNoOther();
  await mustSucceed(client.releaseCollection({ collection_name }));
  await mustSucceed(
    client.createIndex({ collection_name, field_name: 'other', index_type: 'FLAT', metric_type: 'L2' }),
  );
  await mustSucceed(load());
  const all = await client.query({
    collection_name,
    filter: 'id in [7, 2005]',
    output_fields: ['text', 'key'],
  });
  expect(all.data).toMatchObject([
    { id: '7', text: `${text}7`, $meta: { key: 7 } },
    { id: '2005', text: 'new 2005', $meta: { key: 2005 } },
  ]);
  expect(await memory()).toBeGreaterThan(few + 2_000_000);
}, 60_000);

async function expectNoOther(): Promise<void> {
  const { status } = await client.query({ collection_name, filter: 'id == 7', output_fields: ['text'] });
  expect(status.reason).toContain('field text is not loaded');
}
