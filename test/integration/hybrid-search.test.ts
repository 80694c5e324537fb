// Hybrid search through the real client, held against loops over all rows: any mix of vectors, rankers, filters, limits and pages.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OracleLeg, type Ranking, rankRows, rrf, weighted } from '../oracle/search-oracle.js';
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

interface Leg {
  readonly field: VectorName;
  readonly seed: number;
  readonly limit: number;
  readonly below: number | undefined;
}

interface Hybrid {
  readonly legs: readonly Leg[];
  readonly ranker:
    | { readonly kind: 'rrf'; readonly k: number }
    | { readonly kind: 'weighted'; readonly norm: boolean };
  readonly limit: number;
  readonly offset: number;
}

const legs: fc.Arbitrary<Leg> = fc.record({
  field: fc.constantFrom<VectorName>('dense', 'other', 'sparse', 'bits'),
  seed: fc.integer({ min: 0, max: 1000 }),
  limit: fc.integer({ min: 1, max: 40 }),
  below: fc.option(fc.integer({ min: 0, max: 7 }), { nil: undefined }),
});
const hybrids: fc.Arbitrary<Hybrid> = fc.record({
  legs: fc.array(legs, { minLength: 1, maxLength: 4 }),
  ranker: fc.oneof(
    fc.record({ kind: fc.constant('rrf' as const), k: fc.constantFrom(1, 60, 0.5) }),
    fc.record({ kind: fc.constant('weighted' as const), norm: fc.boolean() }),
  ),
  limit: fc.integer({ min: 1, max: 30 }),
  offset: fc.integer({ min: 0, max: 10 }),
});

const weightOf = (_leg: Leg, at: number): number => [0.5, 1, 0.25, 0.75][at] ?? 1;

describe('hybrid search', () => {
  let world: SearchWorld;
  beforeAll(async () => {
    world = await openSearchWorld();
  }, 60_000);
  afterAll(() => world.close());

  const ask = (hybrid: Hybrid, more: object = {}) =>
    world.client.search({
      collection_name: COLLECTION,
      data: hybrid.legs.map(({ field, seed, limit, below }) => ({
        anns_field: field,
        data: vectorFor(field, seed),
        limit,
        ...(below === undefined ? {} : { expr: `n < ${below}` }),
      })),
      rerank:
        hybrid.ranker.kind === 'rrf'
          ? { strategy: 'rrf', params: { k: hybrid.ranker.k } }
          : {
              strategy: 'weighted',
              params: { weights: hybrid.legs.map(weightOf), norm_score: hybrid.ranker.norm },
            },
      limit: hybrid.limit,
      offset: hybrid.offset,
      output_fields: ['id', 'tag'],
      ...more,
    } as never);

  const expected = ({ legs: all, ranker, limit, offset }: Hybrid): Ranking[] => {
    const ranked = all.map(({ field, seed, limit: most, below }): OracleLeg => {
      const query = vectorFor(field, seed);
      const counting = [...world.rows.values()].filter(
        (row: SearchRow) => isFound(field, query, row) && (below === undefined || row.n < below),
      );
      const metric = vectorMetrics[field];
      return {
        metric,
        hits: rankRows(counting, metric, (row) => scoreFor(field, query, row)).slice(0, most),
      };
    });
    const fused =
      ranker.kind === 'rrf' ? rrf(ranked, ranker.k) : weighted(ranked, all.map(weightOf), ranker.norm);
    return fused.slice(offset, offset + limit);
  };

  it('answers what a loop over all rows does', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(hybrids, async (hybrid) => {
        const { results, status } = await ask(hybrid);
        expect(status.reason).toBe('');
        const hits = expected(hybrid);
        expect(results.map((hit) => [Number(hit.id), hit.tag])).toEqual(
          hits.map(({ id }) => [id, world.rows.get(id)?.tag]),
        );
        for (const [at, { score }] of hits.entries()) expect(results[at]?.score).toBeCloseTo(score, 5);
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it('rounds scores, and takes one search as well as many', async () => {
    const one: Hybrid = {
      legs: [{ field: 'dense', seed: 3, limit: 10, below: undefined }],
      ranker: { kind: 'rrf', k: 60 },
      limit: 5,
      offset: 0,
    };
    const { results } = await ask(one, {
      rerank: { strategy: 'rrf', params: { k: 60 } },
      params: { round_decimal: 3 },
    });
    expect(results.map(({ score }) => score)).toEqual(
      expected(one).map(
        ({ score }) => Math.trunc(Math.fround(Math.round(score * 1000) / 1000) * 1000) / 1000,
      ),
    );
  });

  it('is refused with the reason', async () => {
    const leg: Leg = { field: 'dense', seed: 1, limit: 5, below: undefined };
    const good: Hybrid = {
      legs: [leg, { ...leg, field: 'other' }],
      ranker: { kind: 'rrf', k: 60 },
      limit: 5,
      offset: 0,
    };
    const refusals: [object, string][] = [
      [{ rerank: { strategy: 'best', params: {} } }, 'unsupported rank type'],
      [{ rerank: { strategy: 'rrf', params: { k: 0 } } }, 'The rank params k should be in range (0, 16384)'],
      [
        { rerank: { strategy: 'rrf', params: { k: 16384 } } },
        'The rank params k should be in range (0, 16384)',
      ],
      [{ rerank: { strategy: 'weighted', params: { weights: [1] } } }, 'length of weights param mismatch'],
      [{ rerank: { strategy: 'weighted', params: { weights: [1, 1.1] } } }, 'should be in range [0, 1]'],
      [{ rerank: { strategy: 'weighted', params: { weights: [1, -0.1] } } }, 'should be in range [0, 1]'],
      [{ rerank: { strategy: 'weighted', params: { weights: 'x' } } }, 'expected a list of numbers'],
      [{ limit: 16385 }, 'should be in range [1, 16384]'],
      [{ limit: 16000, offset: 1000 }, 'invalid max query result window'],
      [{ output_fields: ['count(*)'] }, 'aggregates are for query'],
    ];
    for (const [change, text] of refusals) {
      const { reason } = await failureOf(() => ask(good, change));
      expect([change, reason]).toEqual([change, expect.stringContaining(text)]);
    }
  });
});
