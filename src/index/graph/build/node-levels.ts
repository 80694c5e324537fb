// In how many upper layers each node of a graph is, and where its lists of those begin.
import { nextFloat, seededRandom } from '#base/random.js';

const LEVEL_MAX = 15;

/** Layers are drawn as the paper does, with mean 1 / ln(M). */
export function drawLevels(
  nodes: number,
  degree: number,
  seed: number,
): { levels: Uint8Array; offsets: Uint32Array; lists: number } {
  const random = seededRandom(seed);
  const scale = 1 / Math.log(degree);
  const levels = new Uint8Array(nodes);
  const offsets = new Uint32Array(nodes);
  let lists = 0;
  for (let i = 0; i < nodes; i++) {
    levels[i] = Math.min(LEVEL_MAX, Math.floor(-Math.log(1 - nextFloat(random)) * scale));
    offsets[i] = lists;
    lists += levels[i] as number;
  }
  return { levels, offsets, lists };
}
