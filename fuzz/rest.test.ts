// Bodies of REST, generated and damaged, against a server: every answer is JSON with a code of somebody who knew what to do, no request is the
// last, and the rows that were there before are still found.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { damaged, SEED } from './invariant.js';

const NUM_RUNS = 300;
let database: Elanus;
const post = async (path: string, body: string | Uint8Array<ArrayBuffer>) => {
  const response = await fetch(`http://${database.address}/v2/vectordb/${path}`, { method: 'POST', body });
  return (await response.json()) as { code: number; data?: unknown; message?: string };
};
const kept = [
  { id: 1, vector: [1, 0], n: 1 },
  { id: 2, vector: [0, 1], n: 2 },
];

beforeAll(async () => {
  database = await open(undefined, { logLevel: 'silent' });
  await post('collections/create', '{"collectionName":"c","dimension":2,"metricType":"L2"}');
  expect((await post('entities/insert', JSON.stringify({ collectionName: 'c', data: kept }))).code).toBe(0);
});
afterAll(() => database.close());

/** Nothing that a client can send is a surprise. */
async function checked(path: string, body: string | Uint8Array<ArrayBuffer>): Promise<void> {
  const { code, message } = await post(path, body);
  expect(code, `${path} ${String(body).slice(0, 200)}: ${message}`).toBeTypeOf('number');
  expect([5, 65_535], `${path} ${String(body).slice(0, 200)}: ${message}`).not.toContain(code);
  if (code !== 0) expect(message?.length).toBeLessThan(5000);
}

const values = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  fc.constantFrom(
    1,
    -1,
    0,
    2 ** 31,
    1e300,
    '',
    'c',
    'id > 0',
    '*',
    'count(*)',
    null,
    true,
    [],
    {},
    [1, 2],
    [[1, 2]],
  ),
);
const keys = [
  'collectionName',
  'dbName',
  'filter',
  'data',
  'id',
  'limit',
  'offset',
  'outputFields',
  'partitionNames',
  'exprParams',
  'searchParams',
  'annsField',
  'consistencyLevel',
  'groupingField',
  'search',
  'rerank',
  'partialUpdate',
  'orderByFields',
  'schema',
  'indexParams',
  'params',
  '__proto__',
  'constructor',
];
const reads = [
  'entities/query',
  'entities/get',
  'entities/search',
  'entities/hybrid_search',
  'collections/describe',
];
const paths = [
  ...reads,
  'entities/insert',
  'entities/upsert',
  'collections/create',
  'indexes/create',
  'partitions/list',
];

const bodies = fc
  .tuple(fc.dictionary(fc.constantFrom(...keys), values, { maxKeys: 5 }), fc.boolean())
  .map(([members, isNamed]) => JSON.stringify(isNamed ? { ...members, collectionName: 'd' } : members));

const lines = [
  '{"collectionName":"c","filter":"n > {x} and id in [1,2]","exprParams":{"x":9007199254740993},"limit":10,"outputFields":["*"]}',
  '{"collectionName":"c","data":[[0.5,1e-3],[1,2]],"limit":2,"searchParams":{"metricType":"L2","params":{"radius":10}}}',
  '{"collectionName":"d","data":[{"id":9223372036854775807,"vector":[1,2],"k":{"a":[null,true,"\\u00e9"]}}]}',
  '{"collectionName":"d","schema":{"fields":[{"fieldName":"id","dataType":"Int64","isPrimary":true}]},"indexParams":[]}',
];

describe('bodies of REST', () => {
  it('of any members are answered', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom(...paths), bodies, checked), {
      seed: SEED,
      numRuns: NUM_RUNS,
    });
  }, 60_000);

  it('that are damaged are answered', async () => {
    const damage = fc.record({
      flips: fc.array(
        fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 255 })),
        {
          maxLength: 3,
        },
      ),
      keep: fc.double({ min: 0.5, max: 1, noNaN: true }),
      more: fc.uint8Array({ maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        fc.constantFrom(...lines),
        damage,
        async (path, line, how) =>
          checked(path, new Uint8Array(damaged(new TextEncoder().encode(line), how))),
      ),
      { seed: SEED, numRuns: NUM_RUNS },
    );
  }, 60_000);

  it('leave what was there', async () => {
    const { data } = await post(
      'entities/query',
      '{"collectionName":"c","filter":"n in [1, 2]","outputFields":["*"]}',
    );
    expect(data).toEqual(kept);
  });
});
