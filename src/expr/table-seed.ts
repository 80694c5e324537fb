// Tables of open addressing over what a client sends: values can be chosen so that all of them share a place, and each is then compared with
// all before it. A table that gets a long chain is made anew with another seed of its hash; values that share a place under several seeds
// at once cannot be found in any useful time.

/** Places in a row that are taken: a half full table of 2^28 places has shorter chains by far, whatever is in it. */
const CHAIN_MAX = 512;
const SEEDS_MAX = 8;

/** @param fill makes the table with a seed; false: a chain would be longer than `chainMax` @returns the seed that it was made with */
export function seedWithShortChains(fill: (seed: number, chainMax: number) => boolean): number {
  for (let tried = 0; tried < SEEDS_MAX - 1; tried++) {
    const seed = Math.imul(tried, 0x9e3779b9);
    if (fill(seed, CHAIN_MAX)) return seed;
  }
  const last = Math.imul(SEEDS_MAX - 1, 0x9e3779b9);
  fill(last, Number.POSITIVE_INFINITY);
  return last;
}
