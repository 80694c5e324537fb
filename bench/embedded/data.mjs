// Seeded vectors of low intrinsic dimension, as those of texts are: points around centres in 16 dimensions, turned into many by one matrix,
// with a little noise. Kept in bench/.data, so that every engine, in whatever language, reads the same files.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nextFloat, seededRandom } from '../../dist/base/random.js';
import { groundTruth } from '../ann/datasets.mjs';
import { cacheFolder, filterOf, PASS_SHARES } from '../ann/sets.mjs';

const LATENT = 16;
const CENTRES = 200;
const NOISE = 0.02;
const QUERIES = 400;

/** By name: rows, dimensions, metric. */
export const sets = {
  texts: { rows: 100_000, dim: 384, metric: 'COSINE' },
  points: { rows: 200_000, dim: 128, metric: 'L2' },
  small: { rows: 30_000, dim: 384, metric: 'COSINE' },
  quick: { rows: 10_000, dim: 64, metric: 'L2' },
};

export const fileOf = (name, part) => join(cacheFolder, `embedded-${name}.${part}`);

/** Makes what is not there yet: rows, queries, exact neighbours of all rows and of those that each filter lets pass. */
export function makeSet(name) {
  const { rows, dim, metric } = sets[name];
  mkdirSync(cacheFolder, { recursive: true });
  if (!existsSync(fileOf(name, 'base'))) {
    const all = vectors(rows + QUERIES, dim);
    writeFileSync(fileOf(name, 'base'), bytesOf(all.subarray(0, rows * dim)));
    writeFileSync(fileOf(name, 'queries'), bytesOf(all.subarray(rows * dim)));
  }
  const set = { ...openQueries(name), base: openBase(name), key: `embedded-${name}` };
  if (!existsSync(fileOf(name, 'truth')))
    writeFileSync(fileOf(name, 'truth'), bytesOf(groundTruth(set.base, set.queries, dim, metric)));
  for (const share of PASS_SHARES) {
    const { passing } = filterOf(set, share);
    const flags = Uint8Array.from({ length: rows }, (_, row) => (passing[row >> 3] >> (row & 7)) & 1);
    writeFileSync(fileOf(name, `flags-${share}`), flags); // For programs that do not draw the same bits.
  }
}

export function openQueries(name) {
  return { name, ...sets[name], queries: floats(fileOf(name, 'queries')) };
}

export const openBase = (name) => floats(fileOf(name, 'base'));

/** @param share undefined: of all rows */
export function openTruth(name, share) {
  const file =
    share === undefined ? fileOf(name, 'truth') : join(cacheFolder, `embedded-${name}.truth-${share}`);
  const bytes = readFileSync(file);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function vectors(count, dim) {
  const random = seededRandom(20261129);
  const normal = () =>
    Math.sqrt(-2 * Math.log(1 - nextFloat(random))) * Math.cos(2 * Math.PI * nextFloat(random));
  const matrix = Float32Array.from({ length: LATENT * dim }, normal);
  const centres = Float32Array.from({ length: CENTRES * LATENT }, () => 2 * normal());
  const all = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    const centre = Math.floor(nextFloat(random) * CENTRES) * LATENT;
    const latent = Float32Array.from({ length: LATENT }, (_, i) => centres[centre + i] + normal());
    for (let d = 0; d < dim; d++) {
      let sum = NOISE * (nextFloat(random) - 0.5);
      for (let i = 0; i < LATENT; i++) sum += latent[i] * matrix[i * dim + d];
      all[row * dim + d] = sum;
    }
  }
  return all;
}

const bytesOf = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

function floats(file) {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}
