// An R-tree over the bounds of geometries, packed once: boxes in the order of tiles (first by x, then by y), sixteen under each node, level by
// level up to one. It finds the rows whose bounds meet a box: candidates, since a geometry need not fill its bounds. Empty geometries and rows
// that are null have no bounds and are not in it. Its bytes are `box-tree-bytes.ts`; the levels are made when it is loaded.
import { type Box, isBox } from '#model/geometry/bounds.js';

export interface BoxTreeParts {
  /** Rows of the column. */
  readonly rowCount: number;
  /** In the order of the tiles. */
  readonly rows: Uint32Array;
  /** Row `rows[i]` has minX, minY, maxX, maxY from 4 i on. */
  readonly boxes: Float64Array;
}

const FANOUT = 16;

export class BoxTree {
  readonly parts: BoxTreeParts;
  /** Boxes of the nodes, the level above the rows first. */
  readonly #levels: readonly Float64Array[];

  constructor(parts: BoxTreeParts) {
    this.parts = parts;
    const levels: Float64Array[] = [];
    for (let below = parts.boxes; below.length > 4; ) {
      below = levelAbove(below);
      levels.push(below);
    }
    this.#levels = levels;
  }

  /** @param boxOf the bounds of a row's geometry; undefined when it has none */
  static of(boxOf: (row: number) => Box | undefined, rowCount: number): BoxTree {
    const found: { readonly row: number; readonly box: Box }[] = [];
    for (let row = 0; row < rowCount; row++) {
      const box = boxOf(row);
      if (box !== undefined && isBox(box)) found.push({ row, box });
    }
    const tiles = Math.ceil(Math.sqrt(found.length / FANOUT));
    const perStripe = Math.max(1, tiles * FANOUT);
    found.sort((a, b) => middleX(a.box) - middleX(b.box) || a.row - b.row);
    for (let begin = 0; begin < found.length; begin += perStripe) {
      const stripe = found.slice(begin, begin + perStripe);
      stripe.sort((a, b) => middleY(a.box) - middleY(b.box) || a.row - b.row);
      for (const [at, one] of stripe.entries()) found[begin + at] = one;
    }
    const boxes = new Float64Array(found.length * 4);
    for (const [at, { box }] of found.entries()) boxes.set([box.minX, box.minY, box.maxX, box.maxY], at * 4);
    return new BoxTree({ rowCount, rows: Uint32Array.from(found, ({ row }) => row), boxes });
  }

  get bounds(): Box | undefined {
    const top = this.#levels.at(-1) ?? this.parts.boxes;
    return top.length === 0 ? undefined : boxAt(top, 0);
  }

  /**
   * The rows whose bounds meet a box, as runs of `parts.rows`: pairs of begin and end, ascending. A node that lies within the box is one run,
   * however many rows are under it.
   */
  runsMeeting(box: Box): Uint32Array {
    const runs = new Runs();
    if (this.parts.rows.length > 0) this.#visit(this.#levels.length - 1, 0, box, runs);
    return runs.pairs;
  }

  /** @param level of the node; -1: it is a row */
  #visit(level: number, node: number, box: Box, runs: Runs): void {
    const boxes = level < 0 ? this.parts.boxes : (this.#levels[level] as Float64Array);
    const [minX, minY] = [boxes[node * 4] as number, boxes[node * 4 + 1] as number];
    const [maxX, maxY] = [boxes[node * 4 + 2] as number, boxes[node * 4 + 3] as number];
    if (minX > box.maxX || maxX < box.minX || minY > box.maxY || maxY < box.minY) return;
    const isWithin = minX >= box.minX && maxX <= box.maxX && minY >= box.minY && maxY <= box.maxY;
    if (level < 0 || isWithin) {
      const under = FANOUT ** (level + 1);
      runs.add(node * under, Math.min((node + 1) * under, this.parts.rows.length));
      return;
    }
    const below = level === 0 ? this.parts.boxes : (this.#levels[level - 1] as Float64Array);
    const end = Math.min(below.length / 4, (node + 1) * FANOUT);
    for (let child = node * FANOUT; child < end; child++) this.#visit(level - 1, child, box, runs);
  }
}

/** Pairs of begin and end; what begins where the last one ends makes it longer. */
class Runs {
  #pairs = new Uint32Array(64);
  #length = 0;

  get pairs(): Uint32Array {
    return this.#pairs.slice(0, this.#length);
  }

  add(begin: number, end: number): void {
    if (this.#length > 0 && this.#pairs[this.#length - 1] === begin) {
      this.#pairs[this.#length - 1] = end;
      return;
    }
    if (this.#length === this.#pairs.length) {
      const more = new Uint32Array(this.#length * 2);
      more.set(this.#pairs);
      this.#pairs = more;
    }
    this.#pairs[this.#length++] = begin;
    this.#pairs[this.#length++] = end;
  }
}

const middleX = ({ minX, maxX }: Box): number => minX / 2 + maxX / 2;
const middleY = ({ minY, maxY }: Box): number => minY / 2 + maxY / 2;

const boxAt = (boxes: Float64Array, index: number): Box => ({
  minX: boxes[index * 4] as number,
  minY: boxes[index * 4 + 1] as number,
  maxX: boxes[index * 4 + 2] as number,
  maxY: boxes[index * 4 + 3] as number,
});

function levelAbove(below: Float64Array): Float64Array {
  const count = below.length / 4;
  const above = new Float64Array(Math.ceil(count / FANOUT) * 4);
  for (let node = 0; node < above.length / 4; node++) {
    const around = { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity };
    for (let child = node * FANOUT; child < Math.min(count, (node + 1) * FANOUT); child++) {
      const box = boxAt(below, child);
      around.minX = Math.min(around.minX, box.minX);
      around.minY = Math.min(around.minY, box.minY);
      around.maxX = Math.max(around.maxX, box.maxX);
      around.maxY = Math.max(around.maxY, box.maxY);
    }
    above.set([around.minX, around.minY, around.maxX, around.maxY], node * 4);
  }
  return above;
}
