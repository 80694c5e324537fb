// The token of an iterator against a list of hits that is paged by both kinds of clients: with any scores, neighbours among the floats too, and any
// batches, every hit comes once and in order. The pages are those of `find-page.ts`, over a sorted list.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scoreBehind } from '#index/block/score-behind.js';
import {
  endOfPage,
  type IteratorToken,
  mayEndAmong,
  parseToken,
  type StartedPage,
  startOfPage,
  tokenText,
} from './iterator-token.js';

const ID = '01234567-89ab-4def-8123-456789abcdef';

interface Hit {
  readonly score: number;
  readonly key: bigint;
}

/** A server of one list, best hits first, equal scores by key. */
class Pages {
  readonly #hits: readonly Hit[];
  readonly #isLarger: boolean;

  constructor(hits: readonly Hit[], isLarger: boolean) {
    this.#hits = hits;
    this.#isLarger = isLarger;
  }

  answer(token: string, lastBound: number | undefined, batch: number) {
    const sent = token === '' ? undefined : parseToken(token);
    const started = startOfPage(sent, lastBound, this.#isLarger);
    const page = this.#page(sent, started, batch);
    const last = page.hits.at(-1);
    const answered = {
      lastScore: last?.score ?? lastBound ?? 0,
      lastKey: page.isParted ? last?.key : undefined,
      nextScore: page.nextScore,
    };
    return { hits: page.hits, ...endOfPage(sent, started, answered, this.#isLarger, ID) };
  }

  #page(sent: IteratorToken | undefined, { use, start }: StartedPage, batch: number) {
    const tied = (score: number, key: bigint | undefined, skips: boolean) => {
      const all = this.#hits.filter((hit) => hit.score === score && (key === undefined || hit.key > key));
      if (!mayEndAmong(sent, use, score, this.#isLarger))
        return { hits: skips ? all.slice(batch) : all, isParted: false, nextScore: undefined };
      return { hits: all.slice(0, batch), isParted: all.length > batch, nextScore: undefined };
    };
    if (start.kind === 'among') {
      const page = tied(start.score, start.key as bigint | undefined, start.skipsPage);
      if (page.hits.length > 0) return page;
    }
    const { score } = start;
    const rest = this.#hits.filter((hit) => score === undefined || this.#isBehind(hit.score, score));
    const [last, next] = [rest[batch - 1]?.score, rest[batch]?.score];
    if (last === undefined || next === undefined)
      return { hits: rest, isParted: false, nextScore: undefined };
    if (last !== next) return { hits: rest.slice(0, batch), isParted: false, nextScore: next };
    const first = rest.findIndex((hit) => hit.score === last);
    if (first > 0) return { hits: rest.slice(0, first), isParted: false, nextScore: last };
    return tied(last, undefined, false);
  }

  #isBehind(score: number, other: number): boolean {
    return this.#isLarger ? score < other : score > other;
  }
}

const allPages = (pages: Pages, batch: number, keeps: boolean, count: number): Hit[] => {
  const hits: Hit[] = [];
  let token = '';
  let bound: number | undefined;
  for (let page = 0; page <= 3 * count + 3; page++) {
    const answer = pages.answer(token, bound, batch);
    if (answer.hits.length === 0) return hits;
    hits.push(...answer.hits);
    token = keeps && token !== '' ? token : answer.token;
    bound = answer.lastBound;
  }
  throw new Error('pages never end');
};

describe('tokens of iterators', () => {
  const ladder = (from: number): number[] =>
    Array.from({ length: 5 }).reduce<number[]>(
      (all) => [...all, scoreBehind(all.at(-1) ?? 0, true)],
      [Math.fround(from)],
    );
  const scores = [
    ...ladder(1),
    ...ladder(0),
    ...ladder(-2.5),
    7,
    3.4028234663852886e38,
    -3.4028234663852886e38,
  ];

  it('every hit once, for clients that keep the first token and for those that do not', () => {
    const group = fc.record({ score: fc.constantFrom(...scores), count: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(
        fc.array(group, { maxLength: 6 }),
        fc.integer({ min: 1, max: 8 }),
        fc.boolean(),
        fc.boolean(),
        (groups, batch, isLarger, keeps) => {
          const hits = groups
            .flatMap(({ score, count }) => Array.from({ length: count }, () => score))
            .map((score, at) => ({ score, key: BigInt((at * 31) % 97) }))
            .sort((a, b) => (isLarger ? b.score - a.score : a.score - b.score) || Number(a.key - b.key));
          expect(allPages(new Pages(hits, isLarger), batch, keeps, hits.length)).toEqual(hits);
        },
      ),
      { numRuns: 600 },
    );
  });

  it('are read as they were written', () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
    const key = fc.option(
      fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.string({ unit: 'grapheme' })),
      {
        nil: undefined,
      },
    );
    fc.assert(
      fc.property(fc.boolean(), float, float, key, (isFirst, bound, score, lastKey) => {
        const token = { id: ID, end: { isFirst, bound, score, key: lastKey } };
        expect(parseToken(tokenText(token))).toEqual(token);
      }),
    );
    expect(parseToken(ID)).toEqual({ id: ID, end: undefined });
  });
});
