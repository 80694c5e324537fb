// Scores by functions through the real client, held against loops over all rows: decay, boosts, and rankers as functions.
import { FunctionType } from '@zilliz/milvus2-sdk-node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  decayed,
  type OracleDecay,
  type OracleLeg,
  rankRows,
  rrf,
  weighted,
} from '../oracle/search-oracle.js';
import {
  COLLECTION,
  isFound,
  openSearchWorld,
  type SearchRow,
  type SearchWorld,
  scoreFor,
  type VectorName,
  vectorFor,
  vectorMetrics,
} from './search-world.js';
import { failureOf } from './support.js';

const ALL = 1000;
const functionOf = (params: object, input_field_names: string[] = []) => ({
  name: 'f',
  type: FunctionType.RERANK,
  input_field_names,
  params,
});

describe('scores by functions', () => {
  let world: SearchWorld;
  beforeAll(async () => {
    world = await openSearchWorld();
  }, 60_000);
  afterAll(() => world.close());

  const legOf = (field: VectorName, seed: number, limit: number): OracleLeg => {
    const query = vectorFor(field, seed);
    const rows = [...world.rows.values()].filter((row) => isFound(field, query, row));
    const metric = vectorMetrics[field];
    return { metric, hits: rankRows(rows, metric, (row) => scoreFor(field, query, row)).slice(0, limit) };
  };
  const ask = (field: VectorName, seed: number, rerank: object, more: object = {}) =>
    world.client.search({
      collection_name: COLLECTION,
      anns_field: field,
      data: [vectorFor(field, seed)],
      limit: 20,
      output_fields: ['id'],
      rerank,
      ...more,
    } as never);
  const hybrid = (legs: readonly (readonly [VectorName, number])[], rerank: object) =>
    world.client.search({
      collection_name: COLLECTION,
      data: legs.map(([anns_field, seed]) => ({ anns_field, data: vectorFor(anns_field, seed) })),
      limit: 20,
      output_fields: ['id'],
      rerank,
    } as never);
  const hitsOf = async (asked: ReturnType<typeof ask>) => {
    const { results, status } = await asked;
    expect(status.reason).toBe('');
    return [results].flat(2).map(({ id, score }) => ({
      id: Number(id),
      score,
    }));
  };

  it('decay as a loop over all rows does', { timeout: 60_000 }, async () => {
    const decays: fc.Arbitrary<OracleDecay> = fc.record({
      shape: fc.constantFrom('gauss', 'exp', 'linear'),
      origin: fc.integer({ min: -10, max: 130 }),
      scale: fc.constantFrom(0.5, 10, 60),
      offset: fc.constantFrom(0, 1, 7.5),
      decay: fc.constantFrom(0.1, 0.5, 0.9),
    });
    const fields = fc.constantFrom<VectorName>('dense', 'other', 'sparse', 'bits');
    const inputs = fc.constantFrom<'price' | 'n' | 'id'>('price', 'n', 'id');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fields, fc.nat(500)), { minLength: 1, maxLength: 3 }),
        decays,
        inputs,
        async (legs, decay, input) => {
          const { shape, ...numbers } = decay;
          const rerank = functionOf({ reranker: 'decay', function: shape, ...numbers }, [input]);
          const [[field, seed] = ['dense', 0], ...others] = legs;
          const asked =
            others.length === 0 ? ask(field as VectorName, seed as number, rerank) : hybrid(legs, rerank);
          const got = await hitsOf(asked);
          const expected = decayed(
            legs.map(([name, of]) => legOf(name, of, 20)),
            decay,
            (id) => (world.rows.get(id) as SearchRow)[input],
          ).slice(0, 20);
          expect(got.length).toBe(expected.length);
          const scores = new Map(expected.map(({ id, score }) => [id, score]));
          for (const [at, { id, score }] of got.entries()) {
            expect(score).toBeCloseTo(expected[at]?.score ?? Number.NaN, 5);
            if (scores.has(id)) expect(score).toBeCloseTo(scores.get(id) ?? Number.NaN, 5);
          }
        },
      ),
      { numRuns: 60, seed: 11 },
    );
  });

  it('rankers are functions, too', async () => {
    const byRank = await hitsOf(
      hybrid(
        [
          ['dense', 1],
          ['other', 2],
        ],
        functionOf({ reranker: 'rrf', k: 5 }),
      ),
    );
    expect(byRank.map(({ id }) => id)).toEqual(
      rrf([legOf('dense', 1, 20), legOf('other', 2, 20)], 5)
        .slice(0, 20)
        .map(({ id }) => id),
    );
    const byWeight = await hitsOf(
      hybrid(
        [
          ['dense', 1],
          ['other', 2],
        ],
        functionOf({ reranker: 'weighted', weights: [0.2, 0.9], norm_score: true }),
      ),
    );
    expect(byWeight.map(({ id }) => id)).toEqual(
      weighted([legOf('dense', 1, 20), legOf('other', 2, 20)], [0.2, 0.9], true)
        .slice(0, 20)
        .map(({ id }) => id),
    );
    const alone = await hitsOf(ask('other', 2, functionOf({ reranker: 'rrf' })));
    expect(alone.map(({ id }) => id)).toEqual(legOf('other', 2, 20).hits.map(({ id }) => id));
  });

  describe('boosts', () => {
    const boost = (params: object) => functionOf({ reranker: 'boost', ...params });
    const expected = (field: VectorName, change: (row: SearchRow, score: number) => number) => {
      const { metric, hits } = legOf(field, 5, ALL);
      const scored = hits.map(({ id, score }) => ({
        id,
        score: change(world.rows.get(id) as SearchRow, score),
      }));
      return rankRows(scored, metric, ({ score }) => score).map(({ id, score }) => [id, score]);
    };
    const found = async (field: VectorName, rerank: object) =>
      (await hitsOf(ask(field, 5, rerank, { limit: ALL }))).map(({ id, score }) => [id, score]);

    it('multiply the scores of the rows that their filter lets pass', async () => {
      expect(await found('other', boost({ filter: 'n > 3', weight: 2 }))).toEqual(
        expected('other', ({ n }, score) => (n > 3 ? score * 2 : score)),
      );
      expect(await found('dense', boost({ filter: 'id in [1, 2, 3]', weight: 0.5 }))).toEqual(
        expected('dense', ({ id }, score) => ([1, 2, 3].includes(id) ? score * 0.5 : score)),
      );
    });

    it('are combined as the modes say', async () => {
      const functions = [boost({ filter: 'flag', weight: 3 }), boost({ weight: 0.25 })];
      const modes = [
        [
          { boost_mode: 'Sum', function_mode: 'Sum' },
          (score: number, flag: boolean) => score + 0.25 + (flag ? 3 : 0),
        ],
        [
          { boost_mode: 'Multiply', function_mode: 'Sum' },
          (score: number, flag: boolean) => score * (0.25 + (flag ? 3 : 0)),
        ],
        [{}, (score: number, flag: boolean) => score * 0.25 * (flag ? 3 : 1)],
      ] as const;
      for (const [params, change] of modes)
        expect(await found('other', { functions, params })).toEqual(
          expected('other', ({ flag }, score) => change(score, flag)),
        );
    });

    it('by chance are the same for the same seed, in either half of the rows', async () => {
      const random = (seed: number) => boost({ weight: 1, random_score: { seed, field: 'id' } });
      const rerank = { functions: [random(42)], params: { boost_mode: 'Sum' } };
      const first = await found('other', rerank);
      expect(await found('other', rerank)).toEqual(first);
      const before = new Map(legOf('other', 5, ALL).hits.map(({ id, score }) => [id, score]));
      for (const [id, score] of first) {
        const drawn = (score as number) - (before.get(id as number) ?? 0);
        expect(drawn >= 0 && drawn < 1).toBe(true);
      }
      expect(await found('other', { ...rerank, functions: [random(43)] })).not.toEqual(first);
    });

    it('belong to the searches of a hybrid search', async () => {
      const { reason } = await failureOf(() =>
        hybrid(
          [
            ['dense', 1],
            ['other', 1],
          ],
          boost({ weight: 2 }),
        ),
      );
      expect(reason).toContain('boost is a function of a single search');
    });
  });

  it('are refused with the reason', async () => {
    const decay = { reranker: 'decay', function: 'gauss', origin: 1, scale: 2 };
    const refusals: [object, string][] = [
      [functionOf(decay, []), 'Decay function only supports single input'],
      [functionOf(decay, ['n', 'price']), 'Decay function only supports single input'],
      [functionOf(decay, ['tag']), 'only support numberic field'],
      [functionOf(decay, ['maybe']), 'cannot be nullable'],
      [functionOf(decay, ['absent']), 'Function input field not found'],
      [functionOf({ ...decay, scale: 0 }, ['n']), 'scale must > 0'],
      [functionOf({ ...decay, decay: 1 }, ['n']), 'decay must 0 < decay < 1'],
      [functionOf({ ...decay, offset: -1 }, ['n']), 'offset must >= 0'],
      [functionOf({ ...decay, function: 'cubic' }, ['n']), 'Invalid decay function'],
      [functionOf({ reranker: 'decay', function: 'exp', scale: 1 }, ['n']), 'lost param: origin'],
      [functionOf({ reranker: 'best' }), 'Unsupported rerank function'],
      [functionOf({}), 'reranker name not found'],
      [functionOf({ reranker: 'boost' }), 'weight not found'],
      [functionOf({ reranker: 'boost', weight: 1, filter: 'absent >' }), 'cannot parse expression'],
      [functionOf({ reranker: 'boost', weight: 1, random_score: { seed: 1.5 } }), 'expected an integer'],
      [functionOf({ reranker: 'boost', weight: 1, random_score: { field: 'dense' } }), 'no plain values'],
      [functionOf({ reranker: 'weighted', weights: [1, 2] }), 'length of weights param mismatch'],
      [
        { functions: [functionOf({ reranker: 'boost', weight: 1 })], params: { boost_mode: 'max' } },
        'boost_mode',
      ],
      [{ ...functionOf({ reranker: 'rrf' }), type: FunctionType.BM25 }, 'expected Rerank'],
    ];
    for (const [rerank, text] of refusals) {
      const failure = await failureOf(() => ask('dense', 1, rerank));
      expect([rerank, failure]).toEqual([
        rerank,
        expect.objectContaining({ code: 1100, reason: expect.stringContaining(text) }),
      ]);
    }
  });
});
