// The geometry of one row, read from its Well-Known Binary into numbers that are used again for the next row: no object is made of it.

/** Codes of Well-Known Binary. */
const POINT = 1;
export const LINE = 2;
export const POLYGON = 3;
const MULTI_POINT = 4;
export const MULTI_LINE = 5;
export const MULTI_POLYGON = 6;

const LITTLE_ENDIAN = 1;
const HEADER_BYTES = 5;

export class GeometryBytes {
  kind = 0;
  minX = 0;
  minY = 0;
  maxX = 0;
  maxY = 0;
  /** Parts that were read: lines, rings, or all positions of a multi-point. */
  parts = 0;
  /** x0, y0, x1, y1, … of all parts. */
  positions = new Float64Array(64);
  /** Numbers up to the end of each part. */
  ends = new Uint32Array(8);
  readonly #bytes: DataView;
  #at = 0;
  #end = 0;

  constructor(data: Uint8Array) {
    this.#bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  /**
   * @returns whether all of it is here, with finite positions, closed rings and lines of two positions or more; a collection, or bytes in the
   *   other order, are not read
   */
  read(begin: number, end: number): boolean {
    this.#at = begin;
    this.#end = end;
    this.parts = 0;
    this.minX = this.minY = Number.POSITIVE_INFINITY;
    this.maxX = this.maxY = Number.NEGATIVE_INFINITY;
    this.kind = this.#head();
    return this.#body(this.kind) && this.#at === end;
  }

  #head(): number {
    if (this.#at + HEADER_BYTES > this.#end || this.#bytes.getUint8(this.#at) !== LITTLE_ENDIAN) return 0;
    const code = this.#bytes.getUint32(this.#at + 1, true);
    this.#at += HEADER_BYTES;
    return code;
  }

  #count(): number {
    if (this.#at + 4 > this.#end) return 0;
    const count = this.#bytes.getUint32(this.#at, true);
    this.#at += 4;
    return count;
  }

  #body(kind: number): boolean {
    switch (kind) {
      case POINT:
        return this.#numbers(1);
      case LINE: {
        const count = this.#count();
        return count >= 2 && this.#numbers(count);
      }
      case POLYGON: {
        const count = this.#count();
        for (let ring = 0; ring < count; ring++) if (!this.#ring()) return false;
        return count > 0;
      }
      case MULTI_POINT:
      case MULTI_LINE:
      case MULTI_POLYGON: {
        const count = this.#count();
        for (let part = 0; part < count; part++)
          if (this.#head() !== kind - 3 || !this.#body(kind - 3)) return false;
        return count > 0;
      }
      default:
        return false;
    }
  }

  #ring(): boolean {
    const count = this.#count();
    if (count < 4 || !this.#numbers(count)) return false;
    const end = this.ends[this.parts - 1] as number;
    const first = end - count * 2;
    const { positions } = this;
    return positions[first] === positions[end - 2] && positions[first + 1] === positions[end - 1];
  }

  #numbers(count: number): boolean {
    if (count * 16 > this.#end - this.#at) return false;
    let to = this.parts === 0 ? 0 : (this.ends[this.parts - 1] as number);
    if (to + count * 2 > this.positions.length) this.#grow(to + count * 2);
    if (this.parts === this.ends.length) {
      const more = new Uint32Array(this.ends.length * 2);
      more.set(this.ends);
      this.ends = more;
    }
    let { minX, minY, maxX, maxY } = this;
    for (let position = 0; position < count; position++, this.#at += 16) {
      const x = this.#bytes.getFloat64(this.#at, true);
      const y = this.#bytes.getFloat64(this.#at + 8, true);
      if (!Number.isFinite(x) || !Number.isFinite(y)) return false;
      this.positions[to++] = x;
      this.positions[to++] = y;
      if (x < minX) minX = x;
      if (x > maxX) maxX = x;
      if (y < minY) minY = y;
      if (y > maxY) maxY = y;
    }
    this.minX = minX;
    this.minY = minY;
    this.maxX = maxX;
    this.maxY = maxY;
    this.ends[this.parts++] = to;
    return true;
  }

  #grow(needed: number): void {
    const more = new Float64Array(Math.max(needed, this.positions.length * 2));
    more.set(this.positions);
    this.positions = more;
  }
}
