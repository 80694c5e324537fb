// Compares a search by words with the definition of BM25 over what the model knows. Scores rest on all rows: where some are uncertain, one choice
// of what they are must give the whole answer, and where too many are, only what holds of any choice is asked.
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

/** More choices of what uncertain rows are do not get tried. */
const CHOICES_MAX = 64;
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
  let problem: string | undefined;
  for (const rows of choicesOf(read, words)) {
    const found = problemOf(rows, facts, hits, seen);
    if (found === undefined) return;
    problem ??= found;
  }
  if (problem !== undefined)
    fail(/misses/.test(problem) ? 'an acknowledged row is lost' : 'a search is wrong', problem);
}

/** What all rows may be, one choice after another; nothing when there are too many. */
function choicesOf(read: ReadWindow, words: readonly string[]): readonly Rows[] {
  const sure: Row[] = [];
  const open: (readonly (Row | undefined)[])[] = [];
  for (const [key, versions] of read.possible) {
    const rows = [...versions].map((version) => (version === 0 ? undefined : rowOf({ key, version }, words)));
    const [only] = rows;
    if (rows.length > 1) open.push(rows);
    else if (only !== undefined) sure.push(only);
  }
  for (const [key, versions] of read.copies)
    for (const version of versions) open.push([undefined, rowOf({ key, version }, words)]);
  if (open.reduce((product, { length }) => product * length, 1) > CHOICES_MAX) return [];
  return open.reduce<readonly Rows[]>(
    (choices, options) =>
      choices.flatMap((rows) => options.map((row) => (row === undefined ? rows : [...rows, row]))),
    [sure],
  );
}

/** @returns what is wrong when these are the rows */
function problemOf(
  rows: Rows,
  { words, topK, life }: WordsFacts,
  hits: readonly Hit[],
  seen: ReadonlySet<number>,
): string | undefined {
  const scoreOf = scoring(rows, words, lengthShare(life));
  const least = new Map<number, number>();
  const scores = new Map<string, number>();
  for (const row of rows) {
    const score = scoreOf(row);
    scores.set(`${row.key}:${row.version}`, score);
    // Whichever row of a key with copies may be the one that is found.
    least.set(row.key, Math.min(score, least.get(row.key) ?? score));
  }
  for (const { key, version, score } of hits) {
    const expected = scores.get(`${key}:${version}`);
    if (expected === undefined) return `found key ${key} v${version}, which is not there`;
    if (Math.abs(score - expected) > TOLERANCE * (1 + expected))
      return `key ${key} v${version} has score ${score}, expected ${expected}`;
  }
  const worst = hits.length < topK ? 0 : (hits.at(-1)?.score ?? 0);
  for (const [key, score] of least)
    if (!seen.has(key) && score > worst + TOLERANCE * (1 + score))
      return `misses key ${key} of score ${score}, the worst that is found has ${worst}`;
  return undefined;
}

function scoring(rows: Rows, words: readonly string[], share: number): (row: Row) => number {
  const mean = rows.reduce((sum, { length }) => sum + length, 0) / Math.max(1, rows.length);
  const weights = words.map((_, at) => {
    const having = rows.filter(({ counts }) => counts[at] !== 0).length;
    return Math.log(1 + (rows.length - having + 0.5) / (having + 0.5));
  });
  return ({ counts, length }) => {
    const base = K1 * (1 - share + (share * length) / mean);
    return counts.reduce(
      (sum, count, at) => sum + (count === 0 ? 0 : ((weights[at] ?? 0) * count * (K1 + 1)) / (count + base)),
      0,
    );
  };
}
