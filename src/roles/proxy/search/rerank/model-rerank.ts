// Hits by the scores that a model outside gives their texts for the query: the larger the better.
import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { bytesAt, keyAt } from '#model/columns/column.js';
import { compareKeys } from '#model/columns/row-key.js';
import type { ModelReranker } from '#model/params/rank/rerankers.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { Column } from '#proto/elanus/data.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import type { Hits } from '#segment/search/hits.js';
import { pickHits } from '#segment/search/merge-hits.js';

const utf8 = new TextDecoder();

/** Texts of one search, whatever its queries: each is paid for. */
const TEXTS_MAX = 16_384;

/** Scores of the texts of each query, in their order. @throws function_failed, provider_unavailable, cancelled, deadline_exceeded */
export async function modelScores(
  { providers }: Pick<ProxyParts, 'providers'>,
  { queries, params }: Pick<ModelReranker, 'queries' | 'params'>,
  texts: readonly (readonly string[])[],
  context: CallContext,
): Promise<Float32Array[]> {
  const total = texts.reduce((sum, { length }) => sum + length, 0);
  if (total > TEXTS_MAX)
    throw new ElanusError(
      'parameter_too_large',
      `a model has ${total} texts to rank, expected at most ${TEXTS_MAX}; search with a smaller limit or fewer queries`,
    );
  const scores: Float32Array[] = [];
  for (const [at, some] of texts.entries())
    scores.push(await providers.rerank({ params, query: must(queries[at], 'query'), texts: some }, context));
  return scores;
}

/** @param values of the field, by hit @throws function_failed, provider_unavailable, cancelled, deadline_exceeded */
export async function modelHits(
  { providers }: Pick<ProxyParts, 'providers'>,
  hits: Hits,
  { reranker, values }: { readonly reranker: ModelReranker; readonly values: Column },
  pace: Pace,
  context: CallContext,
): Promise<Hits> {
  const total = hits.rows.length;
  const scores = new Float32Array(total);
  const begins: number[] = [];
  const texts: string[][] = [];
  let begin = 0;
  for (const count of hits.counts) {
    const first = begin;
    begins.push(first);
    texts.push(Array.from({ length: count }, (_, at) => utf8.decode(bytesAt(values, first + at))));
    begin += count;
  }
  for (const [query, found] of (await modelScores({ providers }, reranker, texts, context)).entries())
    scores.set(found, begins[query]);
  const chosen = new Uint32Array(total);
  for (const [query, count] of hits.counts.entries()) {
    const first = must(begins[query], 'begin of a query');
    const order = Array.from({ length: count }, (_, at) => first + at).sort(
      (a, b) =>
        must(scores[b], 'score') - must(scores[a], 'score') ||
        compareKeys(keyAt(hits.keys, a), keyAt(hits.keys, b)),
    );
    chosen.set(order, first);
    if (pace.isDue) await pace.rest();
  }
  return pickHits({ ...hits, scores }, chosen, hits.counts);
}
