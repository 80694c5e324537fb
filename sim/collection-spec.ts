// What a simulated collection is like. Chosen by chance at its first creation; a re-creation may change its index, never its rows' shape.
import { nextBelow, type Random } from '#base/random.js';

export type SimMetric = 'L2' | 'IP' | 'COSINE';
export interface IndexChoice {
  readonly type: string;
  readonly params: Readonly<Record<string, string>>;
  /** Scores are those of the vectors, not of codes. */
  readonly hasExactScores: boolean;
  /** What is found is all that there is. */
  readonly isExact: boolean;
}

export interface CollectionSpec {
  readonly name: string;
  readonly shards: number;
  readonly metric: SimMetric;
  /** none: one partition; named: the client says which; key: the value of a field decides. */
  readonly partitions: 'none' | 'named' | 'key';
}

/** Partitions of a collection with named ones; each row's key decides in which it is. */
export const partitionNames = ['p0', 'p1', 'p2'] as const;
export const partitionOf = (key: number): string => partitionNames[key % partitionNames.length] as string;
/** Value of the partition key. It changes with the version, so that an upsert may move a row. */
export const groupOf = (key: number, version: number): number => (key * 7 + version) % 5;

const flat: IndexChoice = { type: 'FLAT', params: {}, hasExactScores: true, isExact: true };
const indexChoices: readonly IndexChoice[] = [
  flat,
  { type: 'AUTOINDEX', params: {}, hasExactScores: true, isExact: true },
  { type: 'HNSW', params: { M: '8', efConstruction: '32' }, hasExactScores: true, isExact: false },
  { type: 'IVF_FLAT', params: { nlist: '2' }, hasExactScores: true, isExact: false },
  { type: 'IVF_SQ8', params: { nlist: '2' }, hasExactScores: false, isExact: false },
  { type: 'DISKANN', params: {}, hasExactScores: true, isExact: false },
];
const one = <T>(random: Random, choices: readonly T[]): T => choices[nextBelow(random, choices.length)] as T;

/** Half of the collections have exact search, where every rank is compared. */
export const chooseIndex = (random: Random): IndexChoice =>
  nextBelow(random, 2) === 0 ? flat : one(random, indexChoices);

export function chooseSpecs(random: Random): readonly CollectionSpec[] {
  const specs: CollectionSpec[] = [];
  for (const name of ['one', 'two'].slice(0, 1 + nextBelow(random, 2))) {
    specs.push({
      name,
      shards: 1 + nextBelow(random, 2),
      metric: one(random, ['L2', 'L2', 'IP', 'COSINE']),
      partitions: one(random, ['none', 'none', 'named', 'named', 'key']),
    });
  }
  return specs;
}
