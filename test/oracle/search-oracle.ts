// The forms of search as slow loops over all rows: rank every row, then say what each form makes of the ranks. Scores are float32, as clients get
// them, so that ties here are ties there.

export interface Ranking {
  readonly id: number;
  readonly score: number;
}

export type OracleMetric = 'L2' | 'IP' | 'COSINE' | 'HAMMING' | 'JACCARD';

const largerIsBetter = (metric: OracleMetric): boolean => metric === 'IP' || metric === 'COSINE';

const byScore =
  (isLarger: boolean) =>
  (a: Ranking, b: Ranking): number =>
    (isLarger ? b.score - a.score : a.score - b.score) || a.id - b.id;

export function rankRows<Row extends { readonly id: number }>(
  rows: Iterable<Row>,
  metric: OracleMetric,
  scoreOfRow: (row: Row) => number,
): Ranking[] {
  return [...rows]
    .map((row) => ({ id: row.id, score: Math.fround(scoreOfRow(row)) }))
    .sort(byScore(largerIsBetter(metric)));
}

export interface OracleLeg {
  readonly metric: OracleMetric;
  /** The hits of the search, best first. */
  readonly hits: readonly Ranking[];
}

const flip = (distance: number): number => 1 - (2 / Math.PI) * Math.atan(distance);

function normalizedScore(metric: OracleMetric, score: number): number {
  if (metric === 'COSINE') return 0.5 * (score + 1);
  return metric === 'IP' ? 0.5 + Math.atan(score) / Math.PI : flip(score);
}

/** Adds up what each list says of each id, ids in the order of their sums. */
function summed(lists: readonly (readonly Ranking[])[], isLarger: boolean): Ranking[] {
  const ids = new Set(lists.flatMap((list) => list.map(({ id }) => id)));
  return [...ids]
    .map((id) => {
      let sum = 0;
      for (const list of lists) sum += list.find((hit) => hit.id === id)?.score ?? 0;
      return { id, score: Math.fround(sum) };
    })
    .sort(byScore(isLarger));
}

export const rrf = (legs: readonly OracleLeg[], k: number): Ranking[] =>
  summed(
    legs.map(({ hits }) => hits.map(({ id }, at) => ({ id, score: 1 / (k + (at + 1)) }))),
    true,
  );

export function weighted(
  legs: readonly OracleLeg[],
  weights: readonly number[],
  isNormalized: boolean,
): Ranking[] {
  const areDistances = legs.every(({ metric }) => !largerIsBetter(metric));
  const scaled = (metric: OracleMetric, score: number): number => {
    if (isNormalized) return normalizedScore(metric, score);
    if (areDistances || largerIsBetter(metric)) return score;
    return flip(score);
  };
  return summed(
    legs.map(({ metric, hits }, at) =>
      hits.map(({ id, score }) => ({ id, score: (weights[at] ?? 0) * scaled(metric, score) })),
    ),
    isNormalized || !areDistances,
  );
}

export interface OracleDecay {
  readonly shape: 'gauss' | 'exp' | 'linear';
  readonly origin: number;
  readonly scale: number;
  readonly offset: number;
  readonly decay: number;
}

function keptShare({ shape, origin, scale, offset, decay }: OracleDecay, value: number): number {
  const beyond = Math.abs(value - origin) - offset;
  if (beyond <= 0) return 1;
  if (shape === 'linear') return Math.max(0, (scale - beyond * (1 - decay)) / scale);
  return shape === 'exp' ? decay ** (beyond / scale) : decay ** ((beyond * beyond) / (scale * scale));
}

/** What each hit keeps of its best similarity, the best first. Scores come out close, not equal: the order is by them. */
export function decayed(
  legs: readonly OracleLeg[],
  decay: OracleDecay,
  valueFor: (id: number) => number,
): Ranking[] {
  const best = new Map<number, number>();
  for (const { metric, hits } of legs) {
    for (const { id, score } of hits) {
      const similarity = largerIsBetter(metric) ? score : flip(score);
      best.set(id, Math.max(best.get(id) ?? Number.NEGATIVE_INFINITY, similarity));
    }
  }
  return [...best]
    .map(([id, score]) => ({ id, score: Math.fround(score * keptShare(decay, valueFor(id))) }))
    .sort(byScore(true));
}

/** Groups in the order of their best hits, each with its best ones. */
export function grouped(
  ranking: readonly Ranking[],
  groupFor: (id: number) => string,
  size: number,
): { readonly group: string; readonly hits: Ranking[] }[] {
  const groups: { group: string; hits: Ranking[] }[] = [];
  for (const hit of ranking) {
    const group = groupFor(hit.id);
    const known = groups.find((one) => one.group === group);
    if (known === undefined) groups.push({ group, hits: [hit] });
    else if (known.hits.length < size) known.hits.push(hit);
  }
  return groups;
}
