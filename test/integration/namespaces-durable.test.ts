// Rows stay in their namespaces through files, merges, restarts and what is written behind them.
import { expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { DIM, tempFolder, until, vectorOf } from './support.js';

const collectionName = 'tenants';
const tenants = ['ada', 'bob', 'eve'] as const;

async function post(database: Elanus, path: string, body: object) {
  const answer = await fetch(`http://${database.address}/v2/vectordb/${path}`, {
    method: 'POST',
    body: JSON.stringify({ collectionName, ...body }),
  });
  const { code, message, data } = (await answer.json()) as { code: number; message?: string; data: never };
  expect([path, code, message]).toEqual([path, 0, message]);
  return data as { readonly id: number; readonly n: number }[];
}

it.each([1, 16])(
  'in %i partitions, what one namespace writes is its own after restarts',
  async (partitionsNum) => {
    const folder = await tempFolder();
    let database = await open(folder.path, { logLevel: 'error' });
    const expected = new Map<string, Map<number, number>>(tenants.map((tenant) => [tenant, new Map()]));
    const write = async (kind: 'insert' | 'upsert', namespace: string, ids: readonly number[], n: number) => {
      const data = ids.map((id) => ({ id, vector: vectorOf(id), n }));
      await post(database, `entities/${kind}`, { namespace, data });
      for (const id of ids) expected.get(namespace)?.set(id, n);
    };
    const remove = async (namespace: string, ids: readonly number[]) => {
      // Keys of others among them: only its own go.
      const keys = tenants.flatMap((_tenant, at) => ids.map((id) => at * 100 + id));
      await post(database, 'entities/delete', { namespace, filter: `id in [${keys.join(', ')}]` });
      for (const id of [...(expected.get(namespace)?.keys() ?? [])])
        if (ids.includes(id % 100)) expected.get(namespace)?.delete(id);
    };
    const check = async () => {
      for (const namespace of tenants) {
        const rows = await post(database, 'entities/query', { namespace, filter: 'id >= 0', limit: 1000 });
        const found = new Map(rows.map(({ id, n }) => [id, n]));
        expect([namespace, found]).toEqual([namespace, expected.get(namespace)]);
      }
    };
    const idsOf = (tenant: number): number[] => Array.from({ length: 60 }, (_, at) => tenant * 100 + at);
    try {
      const schema = {
        enableNamespace: true,
        fields: [
          { fieldName: 'id', dataType: 'Int64', isPrimary: true },
          { fieldName: 'vector', dataType: 'FloatVector', elementTypeParams: { dim: DIM } },
          { fieldName: 'n', dataType: 'Int64' },
        ],
      };
      const indexParams = [{ fieldName: 'vector', indexName: 'vector', metricType: 'L2' }];
      await post(database, 'collections/create', {
        schema,
        indexParams,
        params: { partitionsNum, shardsNum: 2 },
      });
      for (const [at, tenant] of tenants.entries()) await write('insert', tenant, idsOf(at), 0);
      await post(database, 'collections/flush', {});
      await write('upsert', 'bob', idsOf(1).slice(10, 30), 1);
      await remove('ada', [3, 4, 5, 11]);
      await check();
      await post(database, 'collections/flush', {});
      await remove('eve', [0, 1]);
      await database.close();
      database = await open(folder.path, { logLevel: 'error' });
      await until('the collection is served', async () => {
        const state = (await post(database, 'collections/get_load_state', {})) as unknown as {
          loadProgress?: number;
        };
        return state.loadProgress === 100 ? true : undefined;
      });
      await check();
      await write('upsert', 'ada', [3, 7], 2);
      await write('insert', 'eve', [290], 2);
      await post(database, 'collections/compact', {});
      await check();
      await database.close();
      database = await open(folder.path, { logLevel: 'error' });
      await check();
    } finally {
      await database.close();
      await folder.remove();
    }
  },
);
