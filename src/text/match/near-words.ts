// Which words are near one of those that are looked for: at most so many changes of one character away, where a change is a character more, one less,
// another one, or two neighbours in the other order (no part is changed twice: optimal string alignment). Characters are code points.

/** Words whose answer is kept: texts repeat theirs. */
const KEPT_MAX = 65_536;
const KEPT_LENGTH_MAX = 64;

export class NearWords {
  readonly #distance: number;
  readonly #exact: ReadonlySet<string>;
  readonly #byLength = new Map<number, Uint32Array[]>();
  readonly #kept = new Map<string, boolean>();
  /** Three rows of the table of distances. */
  readonly #rows: [Uint32Array, Uint32Array, Uint32Array];

  /** @param distance 0 to 2 */
  constructor(words: readonly string[], distance: number) {
    this.#distance = distance;
    this.#exact = new Set(words);
    let longest = 0;
    for (const word of this.#exact) {
      const points = pointsOf(word);
      longest = Math.max(longest, points.length);
      const alike = this.#byLength.get(points.length);
      if (alike === undefined) this.#byLength.set(points.length, [points]);
      else alike.push(points);
    }
    const row = (): Uint32Array => new Uint32Array(longest + 1);
    this.#rows = [row(), row(), row()];
  }

  has(word: string): boolean {
    const known = this.#kept.get(word);
    if (known !== undefined) return known;
    const isNear = this.#exact.has(word) || this.#isNear(word);
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    if (word.length <= KEPT_LENGTH_MAX) this.#kept.set(word, isNear);
    return isNear;
  }

  #isNear(word: string): boolean {
    const points = pointsOf(word);
    const distance = this.#distance;
    for (let length = points.length - distance; length <= points.length + distance; length++)
      for (const wanted of this.#byLength.get(length) ?? [])
        if (isWithin(wanted, points, distance, this.#rows)) return true;
    return false;
  }
}

const pointsOf = (word: string): Uint32Array =>
  Uint32Array.from(word, (character) => character.codePointAt(0) ?? 0);

/** Whether two words are so near: only that part of the table is reckoned in which distances can be so small. */
function isWithin(
  wanted: Uint32Array,
  word: Uint32Array,
  distance: number,
  [before, last, row]: [Uint32Array, Uint32Array, Uint32Array],
): boolean {
  const [columns, far] = [wanted.length, distance + 1];
  for (let column = 0; column <= columns; column++) last[column] = Math.min(column, far);
  for (let line = 1; line <= word.length; line++) {
    const [begin, end] = [Math.max(1, line - distance), Math.min(columns, line + distance)];
    row[begin - 1] = begin === 1 ? Math.min(line, far) : far;
    let least = row[begin - 1] as number;
    for (let column = begin; column <= end; column++) {
      const [one, other] = [word[line - 1], wanted[column - 1]];
      // Right of the band nothing was reckoned in the line before.
      const above = column < line + distance ? (last[column] as number) : far;
      let steps = Math.min(above, row[column - 1] as number) + 1;
      steps = Math.min(steps, (last[column - 1] as number) + (one === other ? 0 : 1));
      if (line > 1 && column > 1 && one === wanted[column - 2] && word[line - 2] === other)
        steps = Math.min(steps, (before[column - 2] as number) + 1);
      row[column] = Math.min(steps, far);
      least = Math.min(least, row[column] as number);
    }
    if (least > distance) return false;
    [before, last, row] = [last, row, before];
  }
  return (last[columns] as number) <= distance;
}
