// What an answer may be while others write: each checks one answer against the versions that were possible at any moment of the read.
import type { Hit, Row } from './api.js';
import type { ReadWindow } from './model.js';
import {
  ABSENT,
  compareScores,
  isSameScore,
  type Key,
  keyOfWire,
  scoreOf,
  vectorOf,
  wrongIn,
} from './rows.js';
import type { Shape } from './shapes.js';
import { Wrong } from './world.js';

export function liveRowsArePossible(
  shape: Shape,
  read: ReadWindow,
  keys: readonly Key[],
  rows: readonly Row[],
): void {
  const asked = new Set(keys);
  const found = new Map<Key, number>();
  for (const row of rows) {
    const key = keyOfWire(row.id);
    const wrong = wrongIn(shape, row);
    if (wrong !== undefined) throw new Wrong(`${shape.name}: ${wrong}`);
    if (!asked.has(key)) throw new Wrong(`${shape.name}: key ${key} was answered but not asked for`);
    if (found.has(key)) throw new Wrong(`${shape.name}: key ${key} was answered twice`);
    found.set(key, Number(row.value));
  }
  for (const key of keys) {
    const version = found.get(key) ?? ABSENT;
    const possible = read.possible.get(key);
    if (version === ABSENT && (read.isDisturbed || possible === undefined)) continue;
    if (possible?.has(version) !== true)
      throw new Wrong(
        `${shape.name}: key ${key} is version ${version}, expected ${[...(possible ?? [])].join(' or ')}`,
      );
  }
}

export function liveCountIsPossible(shape: Shape, read: ReadWindow, count: number): void {
  let least = 0;
  let most = 0;
  for (const versions of read.possible.values()) {
    if (!versions.has(ABSENT)) least++;
    if (versions.size > 1 || !versions.has(ABSENT)) most++;
  }
  if (count > most || (count < least && !read.isDisturbed))
    throw new Wrong(`${shape.name}: count(*) is ${count}, expected ${least} to ${most}`);
}

/** Every hit may be there, its score is right, the order is right, and for exact search nothing nearer is missing. */
export function liveHitsArePossible(
  shape: Shape,
  read: ReadWindow,
  query: readonly number[],
  hits: readonly Hit[],
  limit: number,
  isExact: boolean,
): void {
  const seen = new Set<Key>();
  for (const [at, { key, version, score }] of hits.entries()) {
    if (seen.has(key)) throw new Wrong(`${shape.name}: search found key ${key} twice`);
    seen.add(key);
    if (read.possible.get(key)?.has(version) !== true)
      throw new Wrong(
        `${shape.name}: search found key ${key} as version ${version}, expected ${[...(read.possible.get(key) ?? [])].join(' or ')}`,
      );
    const right = scoreOf(shape.metric, query, vectorOf(version, shape.dim));
    if (!isSameScore(score, right))
      throw new Wrong(`${shape.name}: the score of key ${key} is ${score}, expected ${right}`);
    const before = hits[at - 1];
    if (before !== undefined && compareScores(shape.metric, before.score, score) > 0)
      throw new Wrong(`${shape.name}: hit ${at} has score ${score}, the one before it ${before.score}`);
  }
  if (!isExact || read.isDisturbed) return;
  const worst = hits[limit - 1]?.score;
  for (const [key, versions] of read.possible) {
    const [version] = versions;
    if (versions.size !== 1 || version === undefined || version === ABSENT || seen.has(key)) continue;
    const score = scoreOf(shape.metric, query, vectorOf(version, shape.dim));
    if (worst === undefined || (compareScores(shape.metric, score, worst) < 0 && !isSameScore(score, worst)))
      throw new Wrong(
        `${shape.name}: search missed key ${key} with score ${score}; it found ${hits.length}, the last with ${worst}`,
      );
  }
}
