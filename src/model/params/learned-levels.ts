// What a build of AUTOINDEX learned: which width each level needs in this index, for some numbers of hits. The table of `auto-level.ts` is
// for indexes that know nothing of themselves, and the least that is taken.
import { LEVEL_MAX, widthsOfLevel } from './auto-level.js';

export interface LearnedLevels {
  /** Numbers of hits, ascending. */
  readonly ks: readonly number[];
  /** For each of them the widths of levels 1 to 10. */
  readonly widths: readonly (readonly number[])[];
}

/** The part of the true neighbours that a level promises: 9 of 10 at level 1, 99 of 100 at level 10. */
export const recallOfLevel = (level: number): number => 1 - 10 ** -(1 + (level - 1) / (LEVEL_MAX - 1));

/** @param level 1 to 10. @param k hits that the search collects. @returns a width of at least k, no less than that of the table for all indexes */
export function learnedWidth({ ks, widths }: LearnedLevels, level: number, k: number): number {
  const usual = widthsOfLevel(level, k).ef;
  const widthAt = (at: number): number => widths[at]?.[level - 1] ?? 0;
  const last = ks.length - 1;
  const next = ks.findIndex((one) => one >= k);
  // Who wants fewer hits finds at least as large a part of them; for more, what is learned is stretched as the table is.
  if (next === 0) return Math.max(usual, widthAt(0));
  const largest = ks[last] ?? 1;
  if (next < 0) return Math.max(usual, Math.ceil((widthAt(last) * usual) / widthsOfLevel(level, largest).ef));
  const [below, above] = [ks[next - 1] ?? 0, ks[next] ?? 0];
  const part = (k - below) / (above - below);
  return Math.max(usual, Math.ceil(widthAt(next - 1) + (widthAt(next) - widthAt(next - 1)) * part));
}
