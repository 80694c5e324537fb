// Seeded random numbers (xoshiro128**, Blackman and Vigna 2018; seeding by splitmix32). Not for secrets.
export interface Random {
  /** Uniform in [0, 2^32). */
  nextUint32(): number;
}

export function seededRandom(seed: number): Random {
  let mix = seed >>> 0;
  const next = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let [a, b, c, d] = [next(), next(), next(), next()];
  const rotl = (x: number, k: number): number => ((x << k) | (x >>> (32 - k))) >>> 0;
  return {
    nextUint32() {
      const result = Math.imul(rotl(Math.imul(b, 5) >>> 0, 7), 9) >>> 0;
      const t = (b << 9) >>> 0;
      c = (c ^ a) >>> 0;
      d = (d ^ b) >>> 0;
      b = (b ^ c) >>> 0;
      a = (a ^ d) >>> 0;
      c = (c ^ t) >>> 0;
      d = rotl(d, 11);
      return result;
    },
  };
}

/** Uniform in [0, 1). */
export const nextFloat = (random: Random): number => random.nextUint32() / 4294967296;
/** Uniform integer in [0, bound), 0 < bound <= 2^32. */
export const nextBelow = (random: Random, bound: number): number => Math.floor(nextFloat(random) * bound);
