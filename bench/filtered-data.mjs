// Data of filtered.mjs: vectors in clusters whose centres lie in a space of few dimensions, as those of real embeddings do, so that "near"
// and "far" mean something (or without clusters in that space, or in clusters that differ in size and width); and two columns to filter by. `rank` orders rows by how near their cluster is to one place: the first n of them
// are a filter that goes with the vectors. `label` is a random order: a filter that has nothing to do with them.
import { nextBelow, nextFloat, seededRandom } from '../dist/base/random.js';

const LATENT = 8;
const CLUSTER_ROWS = 200;
export const DIM = 128;

/** How rows lie: how many share a centre, how far they lie from it, and whether centres differ in both. */
const shapes = {
  clustered: { clusterRows: CLUSTER_ROWS, spread: 0.6 },
  even: { clusterRows: 1, spread: 0.25 },
  uneven: { clusterRows: CLUSTER_ROWS, spread: 0.4, isUneven: true },
};
export const shapeNames = Object.keys(shapes);

/** Draws from a normal distribution. */
const normal = (random) => () =>
  Math.sqrt(-2 * Math.log(nextFloat(random) + 1e-12)) * Math.cos(2 * Math.PI * nextFloat(random));

/**
 * @param seed of the queries alone: rows are the same whatever it is
 * @returns seeded vectors, their columns, and queries near the first rows by rank, near the last, and anywhere
 */
export function makeData(rows, queryCount, shape = 'clustered', seed = 1) {
  const { clusterRows, spread, isUneven } = shapes[shape];
  const random = seededRandom(20);
  const gauss = normal(random);
  const basis = Float32Array.from({ length: LATENT * DIM }, gauss);
  const clusters = Math.ceil(rows / clusterRows);
  const places = Float32Array.from({ length: clusters * LATENT }, gauss);
  const distances = Float64Array.from({ length: clusters }, (_, cluster) => {
    let sum = 0;
    for (let d = 0; d < LATENT; d++) sum += (places[cluster * LATENT + d] - places[d]) ** 2;
    return sum;
  });
  // From 0.4 to 2.5 times as wide, and a few clusters have most rows.
  const spreads = Float64Array.from({ length: clusters }, () =>
    isUneven ? spread * 2.5 ** (nextFloat(random) * 2 - 1) : spread,
  );
  const drawn = () => Math.floor(clusters * nextFloat(random) ** (isUneven ? 3 : 1));
  const vectorOf = (cluster, into, at, drawn) => {
    for (let d = 0; d < DIM; d++) {
      let value = drawn() * spreads[cluster];
      for (let l = 0; l < LATENT; l++) value += places[cluster * LATENT + l] * basis[l * DIM + d] * 0.35;
      into[at + d] = value;
    }
  };
  const clusterOf =
    clusterRows === 1
      ? Uint32Array.from({ length: rows }, (_, row) => row)
      : Uint32Array.from({ length: rows }, isUneven ? drawn : () => nextBelow(random, clusters));
  const vectors = new Float32Array(rows * DIM);
  for (let row = 0; row < rows; row++) vectorOf(clusterOf[row], vectors, row * DIM, gauss);
  const byDistance = [...Array(clusters).keys()].sort((a, b) => distances[a] - distances[b]);
  const ofQueries = seededRandom(1000 + seed);
  const gaussOfQueries = normal(ofQueries);
  const queriesOf = (pick) =>
    Array.from({ length: queryCount }, () => {
      const query = new Float32Array(DIM);
      vectorOf(pick(), query, 0, gaussOfQueries);
      return query;
    });
  const some = Math.max(1, Math.ceil(clusters / 50));
  const shuffled = Float64Array.from({ length: rows }, () => nextFloat(random));
  return {
    rows,
    vectors,
    columns: {
      rank: ordersOf(rows, (a, b) => distances[clusterOf[a]] - distances[clusterOf[b]] || a - b),
      label: ordersOf(rows, (a, b) => shuffled[a] - shuffled[b]),
    },
    queries: {
      near: queriesOf(() => byDistance[nextBelow(ofQueries, some)]),
      far: queriesOf(() => byDistance[clusters - 1 - nextBelow(ofQueries, some)]),
      any: queriesOf(() => nextBelow(ofQueries, clusters)),
    },
  };
}

/** Indices that exist, how often each is drawn by rank, and how many a cluster has of its own. */
const TERMS = 20_000;
const TERMS_OF_CLUSTER = 60;
const VALUES = { row: 80, query: 25 };

/**
 * Sparse rows whose indices fall like Zipf's law, half of them from a set that the rows of a cluster share; clusters that begin alike share some.
 * @returns as makeData, with `sparse` rows, one array of pairs each, and queries with the count of their pairs before them
 */
export function makeSparseData(rows, queryCount, _shape, seed = 1) {
  const random = seededRandom(21);
  const cumulative = new Float64Array(TERMS);
  for (let i = 0, sum = 0; i < TERMS; i++) cumulative[i] = sum += 1 / (i + 40) ** 0.9;
  const drawn = (from = random) => {
    const target = nextFloat(from) * cumulative[TERMS - 1];
    let [low, high] = [0, TERMS - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle] < target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const clusters = Math.ceil(rows / CLUSTER_ROWS);
  const own = Array.from({ length: clusters }, () => Array.from({ length: TERMS_OF_CLUSTER }, () => drawn()));
  const first = new Set(own[0]);
  const likeness = own.map((terms) => terms.filter((term) => first.has(term)).length);
  const pairsOf = (cluster, count, from) => {
    const pairs = new Map();
    while (pairs.size < count) {
      const term = nextFloat(from) < 0.5 ? own[cluster][nextBelow(from, TERMS_OF_CLUSTER)] : drawn(from);
      pairs.set(term, 0.1 + nextFloat(from) * (0.5 + Math.log10(term + 10) / 3));
    }
    return [...pairs].sort(([a], [b]) => a - b);
  };
  const bytesOf = (pairs, begin) => {
    const view = new DataView(new ArrayBuffer(begin + pairs.length * 8));
    if (begin > 0) view.setUint32(0, pairs.length, true);
    for (const [at, [term, value]] of pairs.entries()) {
      view.setUint32(begin + at * 8, term, true);
      view.setFloat32(begin + at * 8 + 4, value, true);
    }
    return new Uint8Array(view.buffer);
  };
  const clusterOf = Uint32Array.from({ length: rows }, () => nextBelow(random, clusters));
  const byLikeness = [...Array(clusters).keys()].sort((a, b) => likeness[b] - likeness[a] || a - b);
  const placeOf = ordersOf(clusters, (a, b) => likeness[b] - likeness[a] || a - b);
  const shuffled = Float64Array.from({ length: rows }, () => nextFloat(random));
  const some = Math.max(1, Math.ceil(clusters / 50));
  const ofQueries = seededRandom(1000 + seed);
  const queriesOf = (pick) =>
    Array.from({ length: queryCount }, () => bytesOf(pairsOf(pick(), VALUES.query, ofQueries), 4));
  return {
    rows,
    sparse: Array.from(clusterOf, (cluster) => bytesOf(pairsOf(cluster, VALUES.row, random), 0)),
    columns: {
      rank: ordersOf(rows, (a, b) => placeOf[clusterOf[a]] - placeOf[clusterOf[b]] || a - b),
      label: ordersOf(rows, (a, b) => shuffled[a] - shuffled[b]),
    },
    queries: {
      near: queriesOf(() => byLikeness[nextBelow(ofQueries, some)]),
      far: queriesOf(() => byLikeness[clusters - 1 - nextBelow(ofQueries, some)]),
      any: queriesOf(() => nextBelow(ofQueries, clusters)),
    },
  };
}

/** The place of each row in that order. */
function ordersOf(rows, compare) {
  const order = new Int32Array(rows);
  for (const [at, row] of [...Array(rows).keys()].sort(compare).entries()) order[row] = at;
  return order;
}

/** Which queries meet which column. */
export const kinds = [
  { name: 'uncorrelated', column: 'label', queries: 'any' },
  { name: 'correlated', column: 'rank', queries: 'near' },
  { name: 'anti-correlated', column: 'rank', queries: 'far' },
];
