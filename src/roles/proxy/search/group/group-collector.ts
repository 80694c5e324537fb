// The groups of one query as they are found, round after round. Pure.
import type { Key } from '#model/columns/column.js';
import { compareKeys } from '#model/columns/row-key.js';
import type { GroupValue } from './group-values.js';
import { groupText } from './group-values.js';

export interface GroupedHit {
  readonly key: Key;
  readonly score: number;
  /** Among all hits of all rounds. */
  readonly number: number;
}

export interface HitGroup {
  readonly values: readonly GroupValue[];
  /** Best first. */
  readonly hits: GroupedHit[];
}

export class GroupCollector {
  readonly #size: number;
  readonly #sign: number;
  readonly #groups = new Map<string, HitGroup>();
  readonly #seen = new Set<Key>();

  constructor(size: number, isLargerBetter: boolean) {
    this.#size = size;
    this.#sign = isLargerBetter ? -1 : 1;
  }

  /** @returns whether the key had not been found before */
  add(values: readonly GroupValue[], hit: GroupedHit): boolean {
    if (this.#seen.has(hit.key)) return false;
    this.#seen.add(hit.key);
    const text = groupText(values);
    const group = this.#groups.get(text);
    if (group === undefined) this.#groups.set(text, { values, hits: [hit] });
    else group.hits.push(hit);
    return true;
  }

  /** Those with as many hits as a group may have. */
  get full(): HitGroup[] {
    return [...this.#groups.values()].filter((group) => this.isFull(group));
  }

  isFull({ hits }: HitGroup): boolean {
    return hits.length >= this.#size;
  }

  get count(): number {
    return this.#groups.size;
  }

  /** The best groups by their best hits, each with the best hits of it. */
  best(limit: number): HitGroup[] {
    const ordered = [...this.#groups.values()].map(({ values, hits }) => ({
      values,
      hits: [...hits].sort((a, b) => this.#compare(a, b)).slice(0, this.#size),
    }));
    return ordered.sort((a, b) => this.#compare(a.hits[0], b.hits[0])).slice(0, limit);
  }

  #compare(a: GroupedHit | undefined, b: GroupedHit | undefined): number {
    if (a === undefined || b === undefined) return 0;
    return this.#sign * (a.score - b.score) || compareKeys(a.key, b.key);
  }
}
