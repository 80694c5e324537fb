// Half of a surrogate pair is no character, and UTF-8 has no place for it: texts with one are refused, wherever they come from, and JSON that writes
// it as an escape is kept as it was written. Nothing comes back as something else.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLoaded, openWorld, vectorOf, type World } from './support.js';

let world: World;
let client: MilvusClient;
const collection_name = 'c';
beforeAll(async () => {
  world = await openWorld('memory');
  ({ client } = world);
  await createLoaded(client, collection_name, {
    dynamic: true,
    fields: [
      { name: 't', data_type: DataType.VarChar, max_length: 64, nullable: true },
      { name: 'j', data_type: DataType.JSON, nullable: true },
      {
        ...{ name: 'a', data_type: DataType.Array, element_type: DataType.VarChar, nullable: true },
        ...{ max_capacity: 4, max_length: 30 },
      },
    ],
  });
});
afterAll(() => world.close());

const refused: [what: string, row: object][] = [
  ['a text', { t: 'a\ud800b' }],
  ['the end of a text', { t: 'a\udc00' }],
  ['an element', { a: ['x', '\udfff'] }],
];
const kept: [what: string, row: object][] = [
  ['a value in JSON', { j: { k: 'a\ud800b' } }],
  ['a value of a dynamic key', { d: ['a\ud800b'] }],
];
/** Over gRPC their bytes are kept; a reader of JSON rows has to know the key. */
const keptByGrpc: [what: string, row: object][] = [
  ['a key in JSON', { j: { 'k\ud800': 1 } }],
  ['a dynamic key', { 'd\ud800': 1 }],
];
let next = 1;

async function readBack(id: number): Promise<object | undefined> {
  const { data, status } = await client.query({
    ...{ collection_name, filter: `id == ${id}`, output_fields: ['t', 'j', 'a', '$meta'] },
  });
  expect(status.reason).toBe('');
  return data[0];
}

test.each(refused)('%s, through an SDK', async (_, row) => {
  const id = next++;
  const answer = await client.insert({ collection_name, data: [{ id, vector: vectorOf(1), ...row }] });
  expect(answer.status).toMatchObject({ code: 1100, reason: expect.stringContaining('not valid UTF-8') });
  expect(await readBack(id)).toBeUndefined();
});

test.each([...kept, ...keptByGrpc])('%s, through an SDK', async (_, row) => {
  const id = next++;
  const answer = await client.insert({ collection_name, data: [{ id, vector: vectorOf(1), ...row }] });
  expect(answer.status.reason).toBe('');
  const back = (await readBack(id)) as { readonly j: unknown; readonly $meta: object };
  expect({ ...(back.j !== null && { j: back.j }), ...back.$meta }).toEqual(row);
});

test.each([...refused, ...kept, ...keptByGrpc])('%s, over REST', async (what, row) => {
  const id = next++;
  const post = async (path: string, body: object) => {
    const url = `http://${world.database.address}/v2/vectordb/entities/${path}`;
    const answer = await fetch(url, {
      method: 'POST',
      body: JSON.stringify({ collectionName: collection_name, ...body }),
    });
    return (await answer.json()) as {
      readonly code: number;
      readonly data: readonly Record<string, unknown>[];
    };
  };
  const { code } = await post('insert', { data: [{ id, vector: vectorOf(1), ...row }] });
  const { data } = await post('get', { id: [id], outputFields: ['*'] });
  if (!kept.some(([one]) => one === what)) {
    expect([code, data]).toEqual([1804, []]);
    return;
  }
  expect(code).toBe(0);
  const { j, d } = data[0] ?? {};
  expect({ ...(j !== null && { j: JSON.parse(String(j)) }), ...(d !== undefined && { d }) }).toEqual(row);
});

test('a filter with one is refused', async () => {
  const { status } = await client.query({ collection_name, filter: 't == "\ud800"', output_fields: ['t'] });
  expect(status).toMatchObject({ code: 1100, reason: expect.stringContaining('not valid UTF-8') });
});
