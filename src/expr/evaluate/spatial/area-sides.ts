// The sides of one geometry that many rows are held against, in bands by y, so that a position or a box meets only the few sides of its height.
// What is said is certain: a position so near to a side that rounding could decide is left to the caller.
import { type Box, boundsOf } from '#model/geometry/bounds.js';
import type { Geometry, Positions } from '#model/geometry/geometry.js';

/** Certainly inside, certainly outside; undefined: on a side, or too near to one. */
export type Place = 'inside' | 'outside' | undefined;

const BANDS_MAX = 4096;
/** Entries of the bands for each side, about: sides that are as tall as the area get few bands, so that the table stays linear. */
const ENTRIES_PER_SIDE = 4;
/** The part of the two products of an orientation beyond which its sign is certain: the first bound of Shewchuk (1997). */
const ORIENTATION_ERROR = 3.3306690738754716e-16;
/** Below it products may have lost digits at the end of the range of doubles. */
const LEAST_PRODUCT = 1e-280;

/** Which side of the line from p to q the position is on: 1 left, -1 right, 0: not certain. */
function sideOf(px: number, py: number, qx: number, qy: number, x: number, y: number): number {
  const left = (qx - px) * (y - py);
  const right = (qy - py) * (x - px);
  const turn = left - right;
  const error = ORIENTATION_ERROR * (Math.abs(left) + Math.abs(right)) + LEAST_PRODUCT;
  // Infinite products make the error infinite, and nothing certain.
  return turn > error ? 1 : -turn > error ? -1 : 0;
}

function linesOf(geometry: Geometry): readonly Positions[] | undefined {
  switch (geometry.kind) {
    case 'line':
      return [geometry.positions];
    case 'multi-line':
      return geometry.lines;
    case 'polygon':
      return geometry.rings;
    case 'multi-polygon':
      return geometry.polygons.flat();
    default:
      return undefined;
  }
}

export class AreaSides {
  readonly bounds: Box;
  /** Whether the sides enclose something: lines have no inside. */
  readonly isArea: boolean;
  /** x and y of the lower end, x and y of the upper one. */
  readonly #sides: Float64Array;
  readonly #bands: number;
  readonly #perBand: number;
  /** The sides of band i are `#inBand[#begins[i]]` up to `#begins[i + 1]`. */
  readonly #begins: Uint32Array;
  readonly #inBand: Uint32Array;

  /** Undefined for positions, for collections, and where there is nothing. @param geometry a valid one */
  static of(geometry: Geometry): AreaSides | undefined {
    const lines = linesOf(geometry);
    const bounds = boundsOf(geometry);
    if (lines === undefined || !Number.isFinite(bounds.maxX - bounds.minX + bounds.maxY - bounds.minY))
      return undefined;
    return new AreaSides(lines, bounds, geometry.kind === 'polygon' || geometry.kind === 'multi-polygon');
  }

  /** Call `of`. */
  constructor(lines: readonly Positions[], bounds: Box, isArea: boolean) {
    this.bounds = bounds;
    this.isArea = isArea;
    this.#sides = sidesOf(lines);
    const count = this.#sides.length / 4;
    const height = bounds.maxY - bounds.minY;
    let heights = 0;
    for (let side = 0; side < count; side++)
      heights += (this.#sides[side * 4 + 3] as number) - (this.#sides[side * 4 + 1] as number);
    const fitting = heights > 0 ? Math.floor((count * ENTRIES_PER_SIDE * height) / heights) : 1;
    this.#bands = Math.max(1, Math.min(BANDS_MAX, fitting));
    this.#perBand = height > 0 ? this.#bands / height : 0;
    this.#begins = new Uint32Array(this.#bands + 1);
    for (let side = 0; side < count; side++)
      for (let band = this.#firstBand(side); band <= this.#lastBand(side); band++)
        this.#begins[band + 1] = (this.#begins[band + 1] as number) + 1;
    for (let band = 0; band < this.#bands; band++)
      this.#begins[band + 1] = (this.#begins[band + 1] as number) + (this.#begins[band] as number);
    this.#inBand = new Uint32Array(this.#begins[this.#bands] as number);
    const next = this.#begins.slice();
    for (let side = 0; side < count; side++) {
      for (let band = this.#firstBand(side); band <= this.#lastBand(side); band++) {
        this.#inBand[next[band] as number] = side;
        next[band] = (next[band] as number) + 1;
      }
    }
  }

  #firstBand(side: number): number {
    return this.#bandOf(this.#sides[side * 4 + 1] as number);
  }

  #lastBand(side: number): number {
    return this.#bandOf(this.#sides[side * 4 + 3] as number);
  }

  /** Grows with y, and is within the bands for every y. */
  #bandOf(y: number): number {
    const band = Math.floor((y - this.bounds.minY) * this.#perBand);
    return band >= this.#bands ? this.#bands - 1 : band > 0 ? band : 0;
  }

  placeOf(x: number, y: number): Place {
    const { minX, maxX, minY, maxY } = this.bounds;
    // A position that is no number is nowhere.
    if (!(x >= minX && x <= maxX && y >= minY && y <= maxY)) return 'outside';
    const sides = this.#sides;
    const band = this.#bandOf(y);
    const end = this.#begins[band + 1] as number;
    let isInside = false;
    for (let at = this.#begins[band] as number; at < end; at++) {
      const from = (this.#inBand[at] as number) * 4;
      const [x1, y1] = [sides[from] as number, sides[from + 1] as number];
      const [x2, y2] = [sides[from + 2] as number, sides[from + 3] as number];
      if (y < y1 || y > y2) continue;
      if (x > x1 && x > x2) continue;
      // The ray goes to the right. Of a side its lower end counts and its upper one does not, so that ends that two sides share count once.
      if (x < x1 && x < x2) {
        if (y < y2) isInside = !isInside;
        continue;
      }
      const turn = sideOf(x1, y1, x2, y2, x, y);
      if (turn === 0) return undefined;
      if (turn > 0 && y < y2) isInside = !isInside;
    }
    return isInside && this.isArea ? 'inside' : 'outside';
  }

  /** Where all of a box is. */
  placeOfBox(minX: number, minY: number, maxX: number, maxY: number): Place {
    const { bounds } = this;
    if (!(maxX >= bounds.minX && minX <= bounds.maxX && maxY >= bounds.minY && minY <= bounds.maxY))
      return 'outside';
    const sides = this.#sides;
    const end = this.#begins[this.#bandOf(maxY) + 1] as number;
    for (let at = this.#begins[this.#bandOf(minY)] as number; at < end; at++) {
      const from = (this.#inBand[at] as number) * 4;
      const [x1, y1] = [sides[from] as number, sides[from + 1] as number];
      const [x2, y2] = [sides[from + 2] as number, sides[from + 3] as number];
      if (y1 > maxY || y2 < minY || (x1 < minX && x2 < minX) || (x1 > maxX && x2 > maxX)) continue;
      const turn = sideOf(x1, y1, x2, y2, minX, minY);
      const isApart =
        turn !== 0 &&
        sideOf(x1, y1, x2, y2, maxX, minY) === turn &&
        sideOf(x1, y1, x2, y2, minX, maxY) === turn &&
        sideOf(x1, y1, x2, y2, maxX, maxY) === turn;
      if (!isApart) return undefined;
    }
    // No side meets the box, so it is all where any of its corners is.
    return this.placeOf(minX, minY);
  }

  /** Whether the line between two positions certainly passes from one side of a side to the other, away from all ends. */
  isCrossedBy(px: number, py: number, qx: number, qy: number): boolean {
    const [low, high] = py < qy ? [py, qy] : [qy, py];
    if (!(high >= this.bounds.minY && low <= this.bounds.maxY)) return false;
    const sides = this.#sides;
    const end = this.#begins[this.#bandOf(high) + 1] as number;
    for (let at = this.#begins[this.#bandOf(low)] as number; at < end; at++) {
      const from = (this.#inBand[at] as number) * 4;
      const [x1, y1] = [sides[from] as number, sides[from + 1] as number];
      const [x2, y2] = [sides[from + 2] as number, sides[from + 3] as number];
      if (sideOf(x1, y1, x2, y2, px, py) * sideOf(x1, y1, x2, y2, qx, qy) !== -1) continue;
      if (sideOf(px, py, qx, qy, x1, y1) * sideOf(px, py, qx, qy, x2, y2) === -1) return true;
    }
    return false;
  }
}

/** Both ends of each side, the lower one first. */
function sidesOf(lines: readonly Positions[]): Float64Array {
  const sides: number[] = [];
  for (const line of lines) {
    for (let at = 0; at + 3 < line.length; at += 2) {
      const [x1, y1] = [line[at] as number, line[at + 1] as number];
      const [x2, y2] = [line[at + 2] as number, line[at + 3] as number];
      if (y1 <= y2) sides.push(x1, y1, x2, y2);
      else sides.push(x2, y2, x1, y1);
    }
  }
  return Float64Array.from(sides);
}
