// The section of a graph in which AUTOINDEX keeps what it learned: docs/formats/graph-index.md. Zeros: nothing was.
import { ElanusError } from '#base/errors.js';
import type { IndexBlock } from '#index/block/index-block.js';
import { LEVEL_MAX } from '#model/params/auto-level.js';
import type { LearnedLevels } from '#model/params/learned-levels.js';
import { GRAPH_POOL_MAX } from './graph-layout.js';

export const LEVELS_SECTION = 'levels';
/** Numbers of hits that widths are learned for. */
export const LEARNED_KS = [10, 100] as const;
const HEAD_WORDS = 2;
const levelsWords = (count: number): number => HEAD_WORDS + count * (1 + LEVEL_MAX);
export const LEVELS_BYTES = levelsWords(LEARNED_KS.length) * 4;

export function encodeLevels({ ks, widths }: LearnedLevels): Uint8Array {
  const bytes = new Uint8Array(levelsWords(ks.length) * 4);
  const view = new DataView(bytes.buffer);
  [ks.length, LEVEL_MAX, ...ks, ...widths.flat()].forEach((word, i) => {
    view.setUint32(i * 4, word, true);
  });
  return bytes;
}

/** @returns undefined where the block has none, or nothing was learned. @throws data_corrupt */
export function decodeLevels(block: IndexBlock): LearnedLevels | undefined {
  const bytes = block.sections.get(LEVELS_SECTION);
  if (bytes === undefined) return undefined;
  const corrupt = (fact: string): ElanusError =>
    new ElanusError('data_corrupt', `widths of levels: ${fact}; the index has to be built again`);
  if (bytes.length < HEAD_WORDS * 4) throw corrupt(`${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [count, levels] = [view.getUint32(0, true), view.getUint32(4, true)];
  if (count === 0) return undefined;
  if (levels !== LEVEL_MAX || bytes.length !== levelsWords(count) * 4)
    throw corrupt(`${count} times ${levels} widths in ${bytes.length} bytes`);
  const word = (at: number): number => view.getUint32((HEAD_WORDS + at) * 4, true);
  const ks = Array.from({ length: count }, (_, i) => word(i));
  const widths = ks.map((_, i) =>
    Array.from({ length: LEVEL_MAX }, (_one, level) => word(count + i * LEVEL_MAX + level)),
  );
  if (!isRising([0, ...ks], 1)) throw corrupt(`for ${ks.join(', ')} hits`);
  for (const ofK of widths)
    if (!isRising(ofK, 0) || (ofK.at(-1) ?? 0) > GRAPH_POOL_MAX) throw corrupt(ofK.join(', '));
  return { ks, widths };
}

const isRising = (values: readonly number[], step: number): boolean =>
  values.every((value, i) => i === 0 || value >= (values[i - 1] ?? 0) + step);
