// Namespaces over REST: said in the bodies of the endpoints about rows.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { DIM, vectorOf } from './support.js';

describe('namespaces', () => {
  let database: Elanus;
  beforeAll(async () => {
    database = await open(undefined, { logLevel: 'error' });
  });
  afterAll(() => database.close());

  it('are said in bodies over REST', async () => {
    const post = async (path: string, body: object) => {
      const answer = await fetch(`http://${database.address}/v2/vectordb/${path}`, {
        method: 'POST',
        body: JSON.stringify({ collectionName: 'rest', ...body }),
      });
      return (await answer.json()) as { readonly code: number; readonly data: never };
    };
    const schema = {
      enableNamespace: true,
      fields: [
        { fieldName: 'id', dataType: 'Int64', isPrimary: true },
        { fieldName: 'vector', dataType: 'FloatVector', elementTypeParams: { dim: DIM } },
      ],
    };
    const indexParams = [{ fieldName: 'vector', indexName: 'vector', metricType: 'L2' }];
    expect(await post('collections/create', { schema, indexParams })).toMatchObject({ code: 0 });
    const { data: shown } = await post('collections/describe', {});
    expect(shown).toMatchObject({ enableNamespace: true, fields: [{ name: 'id' }, { name: 'vector' }] });
    for (const [namespace, id] of [
      ['ada', 1],
      ['bob', 2],
    ] as const) {
      const rows = { namespace, data: [{ id, vector: vectorOf(id) }] };
      expect(await post('entities/insert', rows)).toMatchObject({ code: 0, data: { insertCount: 1 } });
      expect(await post('entities/upsert', rows)).toMatchObject({ code: 0, data: { upsertCount: 1 } });
    }
    const search = { data: [vectorOf(1)], limit: 10 };
    for (const [namespace, id] of [
      ['ada', 1],
      ['bob', 2],
    ] as const) {
      for (const [path, body] of [
        ['entities/search', search],
        ['entities/hybrid_search', { search: [search, search], limit: 10 }],
        ['entities/query', { filter: '' }],
        ['entities/get', { id: [1, 2] }],
      ] as const) {
        const answer = await post(path, { namespace, ...body });
        expect([path, answer.code, answer.data]).toEqual([path, 0, [expect.objectContaining({ id })]]);
        expect((await post(path, body)).code).toBe(1100);
      }
    }
    expect(await post('entities/delete', { namespace: 'ada', id: [1, 2] })).toMatchObject({
      data: { deleteCount: 1 },
    });
    expect(await post('entities/query', { namespace: 'bob', filter: 'id > 0' })).toMatchObject({
      data: [{ id: 2 }],
    });
  });
});
