// Clusters of very different width: a step of codes that spans the wide ones blurs neighbours in the narrow ones, which no width of a search
// brings back. A type that leaves the choice of codes to the build takes those that lose next to nothing.
import { expect, test } from 'vitest';
import { bytesView } from '#base/bytes.js';
import { doesFit } from '#index/graph/build/code-fit.js';
import { unevenRecall } from '../../test/support/uneven-recall.js';
import { build, random } from '../../test/support/vector-index.js';

const DIM = 64;
const ROWS = 3000;
const CLUSTERS = 40;

const next = random(13);
const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
const centres = Array.from({ length: CLUSTERS }, () => Float32Array.from({ length: DIM }, normal));
/** Some twenty times as wide as others; a few have most rows. */
const drawn = (): Float32Array => {
  const cluster = Math.floor(CLUSTERS * next() ** 2.5);
  const width = 0.2 * 25 ** (((cluster * 17) % CLUSTERS) / CLUSTERS);
  return (centres[cluster] as Float32Array).map((value) => value * 1.5 + width * normal());
};

test('an HNSW distinguishes rows of all of them', async () => {
  const values = Float32Array.from(Array.from({ length: ROWS }, () => [...drawn()]).flat());
  const queries = Array.from({ length: 40 }, () => bytesView(drawn()));
  const fixture = await build(values, DIM, 'L2', { build: { kind: 'HNSW', M: 16, efConstruction: 40 } });
  expect(unevenRecall(fixture, queries, 10, { params: { ef: 1000 } })).toBeGreaterThan(0.97);
});

test('codes that nobody asked for may lose less than those that were', () => {
  const fit = { usual: 0.95, extreme: 0.95, near: 0.95 };
  expect(doesFit(fit, 'walked')).toBe(true);
  expect(doesFit(fit, 'fitting')).toBe(false);
});
