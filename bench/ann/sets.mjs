// A data set as an engine sees it: whole or cut to its first rows, with the exact neighbours for that cut, and for filters that let a
// share of the rows pass (drawn from a fixed seed). What had to be computed is kept in bench/.data.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nextFloat, seededRandom } from '../../dist/base/random.js';
import { groundTruth, loadDataSet, TRUTH_DEPTH } from './datasets.mjs';

export const cacheFolder = fileURLToPath(new URL('../.data/', import.meta.url));
export const PASS_SHARES = [0.01, 0.1, 0.5];

/** @returns the set with `key`, which names it and its size in files, and `base` cut to `rows`. */
export async function openSet(name, rowsAsked) {
  const set = await loadDataSet(name);
  const rows = Math.min(set.rows, rowsAsked ?? set.rows);
  const key = rows === set.rows ? name : `${name}-${rows}`;
  const base = rows === set.rows ? set.base : set.base.slice(0, rows * set.dim);
  const cut = { ...set, key, rows, base };
  if (rows < set.rows)
    cut.truth = remembered(`${key}.truth`, () => groundTruth(base, set.queries, set.dim, set.metric));
  return cut;
}

/** Which of the rows a filter with this share lets pass: a bit per row, the same each time. */
export function passingRows(rows, share) {
  const random = seededRandom(Math.round(share * 1000));
  const passing = new Uint8Array(Math.ceil(rows / 8));
  let count = 0;
  for (let row = 0; row < rows; row++) {
    if (nextFloat(random) >= share) continue;
    passing[row >> 3] |= 1 << (row & 7);
    count++;
  }
  return { passing, count };
}

/** Databases filter by a column: one of booleans for each share. */
export const passColumn = (share) => `pass_${share * 100}`;
/** The rows that pass, and the exact neighbours among them; undefined when fewer pass than the truth is deep. */
export function filterOf({ rows, base, queries, dim, metric, key }, share) {
  const { passing, count } = passingRows(rows, share);
  if (count < TRUTH_DEPTH) return undefined;
  const excluded = passing.map((byte) => ~byte);
  const truth = remembered(`${key}.truth-${share}`, () => groundTruth(base, queries, dim, metric, excluded));
  return { share, passing, excluded, count, truth };
}

function remembered(name, compute) {
  const file = join(cacheFolder, name);
  if (!existsSync(file)) {
    mkdirSync(cacheFolder, { recursive: true });
    const words = compute();
    writeFileSync(`${file}.${process.pid}`, new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
    renameSync(`${file}.${process.pid}`, file);
  }
  const bytes = readFileSync(file);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** Share of the exact k nearest among the rows found. */
export function recallOf(found, truth, k) {
  let hits = 0;
  for (const [query, rows] of found.entries()) {
    const wanted = new Set(truth.subarray(query * TRUTH_DEPTH, query * TRUTH_DEPTH + k));
    for (const row of rows) if (wanted.has(row)) hits++;
  }
  return hits / (found.length * k);
}
