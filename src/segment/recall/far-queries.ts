// Queries that are far from all rows, as texts that ask for images are. To the nearest rows it is about as far as to many others then, which
// lie anywhere, and a walk of the width that finds the neighbours of rows ends before it met them. Whether a query is far says its best hit,
// beside how far rows are from their own nearest; such a query is searched for again, wider, until that finds next to nothing better.
import { bytesView } from '#base/bytes.js';
import { compareScores } from '#index/block/metric.js';
import { floatsOf } from '#index/block/vector-floats.js';
import { GRAPH_POOL_MAX } from '#index/graph/nodes/graph-layout.js';
import { recallOfLevel } from '#model/params/learned-levels.js';
import type { MetricName } from '#model/schema/metric-type.js';
import type { SegmentHits } from '#segment/fields/segment-hits.js';
import type { IndexedSearch, SegmentIndex } from '#segment/fields/segment-index.js';
import type { VectorColumn } from '#segment/fields/vector-column.js';
import { shareOf, widthNameOf } from './recall-controller.js';

/** Rows whose nearest are looked for, the width of that, and the part of them that are no farther from theirs than is usual. */
const SAMPLED_ROWS = 32;
const SAMPLED_EF = 24;
const SAMPLED_HITS = 8;
const USUAL_PART = 0.9;
/** A query is far whose nearest row is twice as far as is usual: of squared distances, and of what cosines lack to 1. */
const FAR_TIMES = 4;
/** What scores of float32 do not distinguish. */
const APART_MIN = 1e-6;
/** Each search is so many times as wide as the one before. */
const WIDER = 6;
/** A search is wide enough that a wider one improves by no more than so many times what its level may miss. */
const MISSED_TIMES = 8;
/** Below this part of the rows what counts is farther than rows are from their own nearest: squared, in four dims by the root of what is left out. */
const PASSING_PART = 0.9;

/** Far queries that say whether wider searches are worth their time in an index: they have to find so many times what the level may miss. */
const LEARNED_QUERIES = 64;
const WORTH_TIMES = 1.4;

/** What far queries find says nothing of those of another level, or of filters that leave another part of the rows. */
interface SearchKind {
  readonly level: number;
  readonly share: string;
}

const keyOf = ({ level, share }: SearchKind): string => `${level} ${share}`;

/** What is known of an index. */
class FarQueries {
  /** How far nine in ten rows at most are from the nearest other. */
  readonly usual: Promise<number>;
  /** The same, once it is known. */
  known: number | undefined;
  /** Far queries by kind of search, and the parts of their hits that wider searches found. */
  readonly #found = new Map<string, { queries: number; parts: number }>();

  constructor(vectors: VectorColumn, index: SegmentIndex) {
    this.usual = measureApart(vectors, index);
    this.usual.then(
      (apart) => {
        this.known = apart;
      },
      () => known.delete(index),
    );
  }

  note(kind: SearchKind, part: number): void {
    const found = this.#found.get(keyOf(kind)) ?? { queries: 0, parts: 0 };
    if (found.queries === 0) this.#found.set(keyOf(kind), found);
    found.queries++;
    found.parts += part;
  }

  /** Where walks find enough of far queries, too, these are left to them. */
  isWorth(kind: SearchKind): boolean {
    const { queries, parts } = this.#found.get(keyOf(kind)) ?? { queries: 0, parts: 0 };
    return queries < LEARNED_QUERIES || parts > queries * WORTH_TIMES * (1 - recallOfLevel(kind.level));
  }
}

const known = new WeakMap<SegmentIndex, FarQueries>();

function farQueriesOf(vectors: VectorColumn, index: SegmentIndex): FarQueries {
  const before = known.get(index);
  if (before !== undefined) return before;
  const made = new FarQueries(vectors, index);
  known.set(index, made);
  return made;
}

/** A search of a level of AUTOINDEX in the index of the column: what it misses of far queries is searched for again. */
export async function searchByLevel(
  vectors: VectorColumn,
  index: SegmentIndex,
  search: IndexedSearch,
  signal?: AbortSignal,
): Promise<SegmentHits> {
  const hits = await index.search(vectors, search, signal);
  const { passing, params, k } = search;
  const isFiltered = passing < index.rowCount * PASSING_PART;
  const share = isFiltered ? shareOf(passing, index.rowCount) : 'all';
  const kind = { level: Number(params.level), share };
  if (widthNameOf(index.indexType) !== 'ef' || index.isReleased) return hits;
  // Where rows that count are scored one by one nothing is missed.
  if (isFiltered && index.planOf(passing, Math.max(Number(params.ef ?? 0), k), k) === 'exact') return hits;
  const queries = farQueriesOf(vectors, index);
  if (!queries.isWorth(kind)) return hits;
  const thinned = isFiltered ? Math.sqrt(index.rowCount / passing) : 1;
  const limit = FAR_TIMES * thinned * (queries.known ?? (await queries.usual));
  const far: number[] = [];
  for (let query = 0; query < hits.queryCount; query++)
    if (apartOf(vectors, index, search, hits, query) > limit) far.push(query);
  if (far.length === 0) return hits;
  const wider = await withWider(vectors, index, search, hits, far, signal);
  const metric = index.metric as MetricName;
  for (const query of far) queries.note(kind, gainedBy(metric, wider, hits, query) / hits.k);
  return wider;
}

async function measureApart(vectors: VectorColumn, index: SegmentIndex): Promise<number> {
  const { rowCount } = index;
  const rows: number[] = [];
  for (let i = 0; i < SAMPLED_ROWS; i++) {
    const row = Math.floor(((i + 0.5) * rowCount) / SAMPLED_ROWS);
    if (!vectors.isNull(row) && !rows.includes(row)) rows.push(row);
  }
  const { vectorBytes } = vectors.store;
  const queries = new Uint8Array(rows.length * vectorBytes);
  for (const [i, row] of rows.entries()) queries.set(vectors.store.view(row), i * vectorBytes);
  const search = { queries, k: SAMPLED_HITS, params: { ef: SAMPLED_EF }, passing: rowCount };
  const hits = rows.length === 0 ? undefined : await index.search(vectors, search);
  const apart = rows.map((row, query) => {
    // Rows that are equal say nothing of how far others are.
    for (let at = 0; hits !== undefined && at < (hits.counts[query] ?? 0); at++) {
      if (hits.rows[query * hits.k + at] === row) continue;
      const other = apartOf(vectors, index, search, hits, query, at);
      if (other > APART_MIN) return other;
    }
    return APART_MIN;
  });
  apart.sort((a, b) => a - b);
  return apart[Math.floor(apart.length * USUAL_PART)] ?? Number.POSITIVE_INFINITY;
}

/** How far a query is from a hit: the squared distance, or what the cosine lacks to 1, which is the part of an inner product that says how alike two are. */
function apartOf(
  vectors: VectorColumn,
  index: SegmentIndex,
  { queries }: Pick<IndexedSearch, 'queries'>,
  { scores, rows, counts, k }: SegmentHits,
  query: number,
  at = 0,
): number {
  if ((counts[query] ?? 0) <= at) return 0;
  const score = scores[query * k + at] ?? 0;
  if (index.metric === 'L2') return score;
  if (index.metric === 'COSINE') return 1 - score;
  const { vectorBytes } = vectors.store;
  const own = bytesView(queries).subarray(query * vectorBytes, (query + 1) * vectorBytes);
  const lengths = lengthOf(vectors, own) * lengthOf(vectors, vectors.store.view(rows[query * k + at] ?? 0));
  return lengths > 0 ? 1 - score / lengths : 0;
}

function lengthOf({ dim, store: { elementType } }: VectorColumn, bytes: Uint8Array): number {
  let squares = 0;
  for (const value of floatsOf(elementType, dim, bytes)) squares += value * value;
  return Math.sqrt(squares);
}

/** The hits, and in place of those of some queries what wider searches found. */
async function withWider(
  vectors: VectorColumn,
  index: SegmentIndex,
  search: IndexedSearch,
  hits: SegmentHits,
  far: readonly number[],
  signal: AbortSignal | undefined,
): Promise<SegmentHits> {
  const { k, passing, params } = search;
  const metric = index.metric as MetricName;
  const better = Math.floor(k * MISSED_TIMES * (1 - recallOfLevel(Number(params.level))));
  const { vectorBytes } = vectors.store;
  const all = bytesView(search.queries);
  const best = {
    ...{ queryCount: hits.queryCount, k, counts: hits.counts.slice() },
    ...{ rows: new Uint32Array(hits.queryCount * k), scores: new Float32Array(hits.queryCount * k) },
  };
  best.rows.set(hits.rows);
  best.scores.set(hits.scores);
  let left = far;
  let ef = Math.max(Number(params.ef ?? 0), k);
  while (left.length > 0 && ef < Math.min(index.rowCount, GRAPH_POOL_MAX) && !index.isReleased) {
    ef = Math.min(ef * WIDER, GRAPH_POOL_MAX);
    const queries = new Uint8Array(left.length * vectorBytes);
    for (const [i, query] of left.entries())
      queries.set(all.subarray(query * vectorBytes, (query + 1) * vectorBytes), i * vectorBytes);
    // Scores of far rows differ by less than codes err: all that is found is scored.
    const wider = { ...search, queries, params: { ...params, ef, refineK: ef / k }, isFar: true };
    const found = await index.search(vectors, wider, signal);
    const isWalk = index.planOf(passing, ef, k, true) === 'filtered walk';
    left = left.filter((query, i) => {
      const gained = gainedBy(metric, found, best, i, query);
      const count = found.counts[i] ?? 0;
      best.counts[query] = count;
      best.rows.set(found.rows.subarray(i * k, i * k + count), query * k);
      best.scores.set(found.scores.subarray(i * k, i * k + count), query * k);
      return gained > better && isWalk;
    });
  }
  return best;
}

/** How many of the hits of a query before have others in their place that are better. */
function gainedBy(
  metric: MetricName,
  hits: SegmentHits,
  before: SegmentHits,
  query: number,
  queryBefore = query,
): number {
  const scoresOf = ({ scores, counts, k }: SegmentHits, at: number): Float32Array =>
    scores.subarray(at * k, at * k + (counts[at] ?? 0));
  const [found, old] = [scoresOf(hits, query), scoresOf(before, queryBefore)];
  const last = found.at(-1);
  const isWorse = (score: number): boolean => last !== undefined && compareScores(metric, score, last) > 0;
  return old.filter(isWorse).length + Math.max(0, found.length - old.length);
}
