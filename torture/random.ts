// Chance from one number. The seed decides what is tried, not when the machine does it: two runs of one seed differ in timing.
export type Chance = () => number;

/** Numbers in [0, 1); mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const below = (chance: Chance, limit: number): number => Math.floor(chance() * limit);
export function oneOf<T>(chance: Chance, choices: readonly T[]): T {
  const chosen = choices[below(chance, choices.length)];
  if (chosen === undefined) throw new Error('oneOf: nothing to choose from');
  return chosen;
}
