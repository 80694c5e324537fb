// Where the words of a text may stand in a phrase, as flat arrays: a text and a phrase of one word again and again have hundreds of thousands.

export class Stands {
  count = 0;
  /** The place in the phrase of each stand. */
  places = new Uint32Array(64);
  /** Where the word of each stand is in the text. */
  ats = new Uint32Array(64);

  clear(): void {
    this.count = 0;
  }

  add(place: number, at: number): void {
    if (this.count === this.places.length) {
      this.places = grown(this.places);
      this.ats = grown(this.ats);
    }
    this.places[this.count] = place;
    this.ats[this.count++] = at;
  }
}

function grown(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(array.length * 2);
  more.set(array);
  return more;
}

/** A table of numbers that are near each other may have so many places for each of them; where they are farther apart a map takes less. */
const PLACES_PER_NUMBER = 4;
const PLACES_FREE = 1024;
const isNear = (range: number, count: number): boolean => range <= PLACES_FREE + count * PLACES_PER_NUMBER;

/** The stands in the order of where the phrase would begin, for them to be at their places. */
export function orderByBegin(
  { places, ats, count }: Stands,
  positions: ArrayLike<number>,
): { readonly order: Uint32Array; readonly begins: Int32Array } {
  const begins = new Int32Array(count);
  let [least, most] = [Infinity, -Infinity];
  for (let stand = 0; stand < count; stand++) {
    const begin = (ats[stand] as number) - (positions[places[stand] as number] as number);
    begins[stand] = begin;
    if (begin < least) least = begin;
    if (begin > most) most = begin;
  }
  const order = new Uint32Array(count);
  const range = most - least + 1;
  if (!isNear(range, count)) {
    const keys = Float64Array.from(begins, (begin, stand) => (begin - least) * count + stand).sort();
    for (let at = 0; at < count; at++) order[at] = (keys[at] as number) % count;
    return { order, begins };
  }
  const next = new Uint32Array(range + 1);
  for (let stand = 0; stand < count; stand++) {
    const at = (begins[stand] as number) - least + 1;
    next[at] = (next[at] as number) + 1;
  }
  for (let at = 0; at < range; at++) next[at + 1] = (next[at + 1] as number) + (next[at] as number);
  for (let stand = 0; stand < count; stand++) {
    const at = (begins[stand] as number) - least;
    order[next[at] as number] = stand;
    next[at] = (next[at] as number) + 1;
  }
  return { order, begins };
}

/** A number for each word of the text that is stood at. */
export class NumberByWord {
  readonly #least: number;
  readonly #near: Int32Array | undefined;
  readonly #far = new Map<number, number>();

  constructor({ ats, count }: Stands) {
    let [least, most] = [Infinity, 0];
    for (let stand = 0; stand < count; stand++) {
      const at = ats[stand] as number;
      if (at < least) least = at;
      if (at > most) most = at;
    }
    this.#least = least;
    const range = most - least + 1;
    this.#near = isNear(range, count) ? new Int32Array(Math.max(0, range)) : undefined;
  }

  /** 0 before anything else was set. */
  get(at: number): number {
    return this.#near === undefined ? (this.#far.get(at) ?? 0) : (this.#near[at - this.#least] as number);
  }

  set(at: number, number: number): void {
    if (this.#near === undefined) this.#far.set(at, number);
    else this.#near[at - this.#least] = number;
  }
}
