// REST v1, where it is asked for: a day with each of its endpoints, what it refuses, and that it is not there otherwise.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { v1Endpoints } from '#server/rest/v1/endpoints-v1.js';

let database: Elanus;
beforeAll(async () => {
  database = await open(undefined, { logLevel: 'error', restV1: true });
});
afterAll(() => database.close());

interface Answer {
  readonly code: number;
  readonly message?: string;
  readonly data?: unknown;
}

async function ask(path: string, body?: object, address = database.address): Promise<Answer> {
  // Keys that the server makes are larger than what JSON.parse keeps: they come as text and go as numbers.
  const headers = { 'accept-type-allow-int64': 'false' };
  const text = JSON.stringify(body)?.replaceAll(/"(\d{15,})"/g, '$1');
  const init = body === undefined ? { headers } : { method: 'POST', headers, body: text };
  const response = await fetch(`http://${address}/v1/vector/${path}`, init);
  return (await response.json()) as Answer;
}

const collectionName = 'first days';
const asked = new URLSearchParams({ collectionName }).toString();

describe('REST v1', () => {
  it('has its day', async () => {
    const name = 'books';
    const create = {
      collectionName: name,
      dimension: 2,
      metricType: 'L2',
      primaryField: 'key',
      vectorField: 'words',
    };
    expect(await ask('collections/create', create)).toEqual({ code: 200, data: {} });
    expect(await ask('collections')).toEqual({ code: 200, data: [name] });
    expect(await ask(`collections/describe?collectionName=${name}`)).toEqual({
      code: 200,
      data: {
        collectionName: name,
        description: '',
        fields: [
          {
            name: 'key',
            type: 'Int64',
            primaryKey: true,
            partitionKey: false,
            autoId: true,
            description: '',
          },
          {
            name: 'words',
            type: 'FloatVector(2)',
            primaryKey: false,
            partitionKey: false,
            autoId: false,
            description: '',
          },
        ],
        indexes: [{ fieldName: 'words', indexName: 'words', metricType: 'L2' }],
        load: 'LoadStateLoaded',
        shardsNum: 1,
        enableDynamic: true,
      },
    });
    const one = await ask('insert', { collectionName: name, data: { words: [1, 0], title: 'one' } });
    expect(one).toMatchObject({ code: 200, data: { insertCount: 1 } });
    const more = [
      { words: [0, 1], title: 'two' },
      { words: [0, 3], title: 'three' },
    ];
    expect(await ask('insert', { collectionName: name, data: more })).toMatchObject({
      code: 200,
      data: { insertCount: 2 },
    });
    const { data: rows } = await ask('query', {
      collectionName: name,
      filter: 'title != "two"',
      outputFields: ['key', 'title'],
    });
    const keyed = rows as { readonly key: string; readonly title: string }[];
    expect(keyed.map(({ title }) => title).sort()).toEqual(['one', 'three']);
    const key = keyed.find(({ title }) => title === 'one')?.key;
    const search = { collectionName: name, vector: [1, 0], limit: 2, outputFields: ['title'] };
    expect(await ask('search', search)).toEqual({
      code: 200,
      data: [
        { distance: 0, key, title: 'one' },
        { distance: 2, key: expect.any(String), title: 'two' },
      ],
    });
    const far = await ask('search', { ...search, params: { radius: 1 } });
    expect((far.data as { readonly title: string }[]).map(({ title }) => title)).toEqual(['one']);
    expect(
      await ask('upsert', { collectionName: name, data: [{ key, words: [1, 1], title: 'uno' }] }),
    ).toMatchObject({
      code: 200,
      data: { upsertCount: 1 },
    });
    const { data: upserted } = await ask('query', {
      collectionName: name,
      filter: 'title == "uno"',
      outputFields: ['key'],
    });
    const [{ key: last } = { key: '' }] = upserted as { readonly key: string }[];
    expect(await ask('get', { collectionName: name, id: last, outputFields: ['title'] })).toEqual({
      code: 200,
      data: [{ key: last, title: 'uno' }],
    });
    expect(await ask('delete', { collectionName: name, id: [last] })).toEqual({ code: 200, data: {} });
    expect(await ask('delete', { collectionName: name, filter: 'title == "two"' })).toEqual({
      code: 200,
      data: {},
    });
    const left = await ask('query', { collectionName: name, filter: 'key > 0', outputFields: ['title'] });
    expect((left.data as { readonly title: string }[]).map(({ title }) => title)).toEqual(['three']);
    expect(await ask('collections/drop', { collectionName: name })).toEqual({ code: 200, data: {} });
    expect(await ask('collections/drop', { collectionName: name })).toMatchObject({ code: 100 });
  });

  it.each([
    ['query', { collectionName: 'c' }, 1802],
    ['search', { collectionName: 'c' }, 1802],
    ['search', { collectionName: 'c', vector: 'no list' }, 1802],
    ['search', { collectionName: 'c', vector: [1], more: 1 }, 1801],
    ['insert', { collectionName: 'c', data: [] }, 100],
    ['collections/create', { collectionName: 'c' }, 1802],
    ['get', { collectionName: 'c', id: 1 }, 100],
    ['delete', { collectionName: 'c' }, 1802],
    ['collections/describe', undefined, 1802],
    ['collections/describe?collectionName=a&collectionName=b', undefined, 1801],
    [`collections/describe?${asked}`, undefined, 100],
    ['collections?dbName=none', undefined, 800],
    ['collections?unheard=1', undefined, 1801],
    ['collections/create', undefined, 405],
    ['collections', {}, 405],
    ['unheard', {}, 404],
  ])('%s of %j is refused with %i', async (path, body, code) => {
    expect((await ask(path, body)).code).toBe(code);
  });

  it('lets in nobody whom v2 does not let in', async () => {
    const closed = await open(undefined, { logLevel: 'silent', restV1: true, auth: true, insecure: true });
    try {
      for (const { path, method } of v1Endpoints)
        expect((await ask(path, method === 'GET' ? undefined : {}, closed.address)).code, path).toBe(1800);
    } finally {
      await closed.close();
    }
  });

  it('is in the OpenAPI document where it is served, and only there', async () => {
    const other = await open(undefined, { logLevel: 'error' });
    try {
      const pathsOf = async (address: string) => {
        const document = await (await fetch(`http://${address}/v2/openapi.json`)).json();
        return Object.keys((document as { readonly paths: object }).paths).filter((path) =>
          path.startsWith('/v1/'),
        );
      };
      expect(await pathsOf(database.address)).toEqual(v1Endpoints.map(({ path }) => `/v1/vector/${path}`));
      expect(await pathsOf(other.address)).toEqual([]);
      expect((await ask('collections', undefined, other.address)).code).toBe(404);
    } finally {
      await other.close();
    }
  });
});
