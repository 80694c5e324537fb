// Compares a search by words with the definition of BM25 over what the model knows. Scores rest on all rows: where some are uncertain, one choice
// of what they are must give the whole answer. Scores follow from a few sums over the rows, so choices differ by these alone: of the sums that
// come to the scores that were answered, one must be that of rows of which the best were answered.
import type { Hit } from './client.js';
import { type ReadWindow, Violation } from './model.js';
import { type KeyVersion, noteOf } from './rows.js';
import { K1, lengthShare } from './words-client.js';

export interface WordsFacts {
  readonly name: string;
  readonly words: readonly string[];
  readonly topK: number;
  /** The life of the field, which was there all the time. */
  readonly life: number;
}

/** A row, as far as its score depends on it. */
interface Row extends KeyVersion {
  /** Words of its text. */
  readonly length: number;
  /** How often it has each of the words that are looked for. */
  readonly counts: readonly number[];
}

type Rows = readonly Row[];

/** What may be of one key: one of these. */
interface KeyChoices {
  readonly key: number;
  readonly choices: readonly Rows[];
}

/** Number of rows, of their words, and for each word that is looked for, of the rows that have it. */
type Sums = readonly number[];

/** With more different sums only what holds of any choice is asked. */
const SUMS_MAX = 20_000;
const TOLERANCE = 2e-5;

function rowOf(row: KeyVersion, words: readonly string[]): Row {
  const tokens = noteOf(row).split(' ');
  const counts = words.map((word) => tokens.filter((token) => token === word).length);
  return { ...row, length: tokens.length, counts };
}

export function checkWords(read: ReadWindow, facts: WordsFacts, hits: readonly Hit[]): void {
  const { name, words, topK } = facts;
  const fail = (promise: string, fact: string): never => {
    throw new Violation(`${promise}: ${name} words ${words.join(' ')}: ${fact}`);
  };
  if (hits.length > topK) fail('a search is wrong', `answered ${hits.length} hits, asked for ${topK}`);
  const seen = new Set<number>();
  let last = Number.POSITIVE_INFINITY;
  for (const { key, version, score } of hits) {
    if (seen.has(key)) fail('a search is wrong', `answered key ${key} twice`);
    seen.add(key);
    const [possible, copies] = [read.possible.get(key), read.copies.get(key)];
    if (possible === undefined || (possible.size === 1 && possible.has(0) && copies === undefined))
      fail('a deleted row came back', `found key ${key}, which is absent`);
    if (version === 0 || !(possible?.has(version) || copies?.has(version)))
      fail('a search is wrong', `found key ${key} v${version}, which it never is`);
    if (rowOf({ key, version }, words).counts.every((count) => count === 0))
      fail('a search is wrong', `found key ${key} v${version}, which has none of the words`);
    if (score > last) fail('a search is wrong', `key ${key} is better than the one before it`);
    last = score;
  }
  if (!read.isWhole) return;
  const problem = problemOf(keyChoices(read, words), facts, hits);
  if (problem !== undefined)
    fail(/misses/.test(problem) ? 'an acknowledged row is lost' : 'a search is wrong', problem);
}

/** The rows of each key that may be there together: one of its versions, or none, and any of its copies. */
export function keyChoices(
  { possible, copies }: Pick<ReadWindow, 'possible' | 'copies'>,
  words: readonly string[],
): readonly KeyChoices[] {
  return [...new Set([...possible.keys(), ...copies.keys()])].map((key) => {
    let choices: readonly Rows[] = [...(possible.get(key) ?? [0])].map((version) =>
      version === 0 ? [] : [rowOf({ key, version }, words)],
    );
    for (const version of copies.get(key) ?? [])
      choices = choices.flatMap((rows) => [rows, [...rows, rowOf({ key, version }, words)]]);
    return { key, choices };
  });
}

/** @returns what is wrong whatever the rows are */
export function problemOf(
  keys: readonly KeyChoices[],
  { words, topK, life }: Pick<WordsFacts, 'words' | 'topK' | 'life'>,
  hits: readonly Hit[],
): string | undefined {
  const found = new Map(hits.map((hit) => [hit.key, hit]));
  const worst = hits.length < topK ? 0 : (hits.at(-1)?.score ?? 0);
  let problem: string | undefined;
  for (const sums of sumsOf(keys, words) ?? []) {
    const scoreOf = scoring(sums, lengthShare(life));
    const wrong = wrongScore(hits, words, scoreOf);
    if (wrong !== undefined) {
      problem ??= wrong;
      continue;
    }
    // Whichever row of a key with copies may be the one that is found.
    const isFit = (key: number, rows: Rows): boolean => {
      const hit = found.get(key);
      if (hit !== undefined) return rows.some(({ version }) => version === hit.version);
      return rows.length === 0 || rows.some((row) => !isAbove(scoreOf(row), worst));
    };
    const fit = keys.map(({ key, choices }) => ({
      key,
      choices: choices.filter((rows) => isFit(key, rows)),
    }));
    const missed = fit.find(({ choices }) => choices.length === 0);
    if (missed !== undefined) {
      problem = found.has(missed.key)
        ? `found key ${missed.key}, which is not there`
        : `misses key ${missed.key}, the worst that is found has ${worst}`;
      continue;
    }
    const name = sums.join();
    if (sumsOf(fit, words)?.some((reached) => reached.join() === name) !== false) return undefined;
    problem = `no choice of uncertain rows has the sums ${name}, which its scores have, and these best ones`;
  }
  return problem;
}

const isAbove = (score: number, worst: number): boolean => score > worst + TOLERANCE * (1 + score);

function wrongScore(
  hits: readonly Hit[],
  words: readonly string[],
  scoreOf: (row: Row) => number,
): string | undefined {
  for (const { key, version, score } of hits) {
    const expected = scoreOf(rowOf({ key, version }, words));
    if (Math.abs(score - expected) > TOLERANCE * (1 + expected))
      return `key ${key} v${version} has score ${score}, expected ${expected}`;
  }
  return undefined;
}

/** All sums that choices come to; undefined where there are too many. */
function sumsOf(keys: readonly KeyChoices[], words: readonly string[]): readonly Sums[] | undefined {
  let all: readonly Sums[] = [[0, 0, ...words.map(() => 0)]];
  for (const { choices } of keys) {
    const added = distinct(choices.map((rows) => sumOf(rows, words)));
    all = distinct(all.flatMap((sums) => added.map((more) => sums.map((sum, at) => sum + (more[at] ?? 0)))));
    if (all.length > SUMS_MAX) return undefined;
  }
  return all;
}

const distinct = (all: readonly Sums[]): readonly Sums[] =>
  all.length < 2 ? all : [...new Map(all.map((sums) => [sums.join(), sums])).values()];

const sumOf = (rows: Rows, words: readonly string[]): Sums => [
  rows.length,
  rows.reduce((sum, { length }) => sum + length, 0),
  ...words.map((_, at) => rows.filter(({ counts }) => counts[at] !== 0).length),
];

function scoring([rowCount = 0, wordCount = 0, ...having]: Sums, share: number): (row: Row) => number {
  const mean = wordCount / Math.max(1, rowCount);
  const weights = having.map((rows) => Math.log(1 + (rowCount - rows + 0.5) / (rows + 0.5)));
  return ({ counts, length }) => {
    const base = K1 * (1 - share + (share * length) / mean);
    return counts.reduce(
      (sum, count, at) => sum + (count === 0 ? 0 : ((weights[at] ?? 0) * count * (K1 + 1)) / (count + base)),
      0,
    );
  };
}
