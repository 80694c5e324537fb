// Geometries as bytes: Well-Known Binary of OGC Simple Features, two dimensions, which is how a Geometry field is stored and what other
// tools read in its Parquet column. Written little-endian; read in either byte order, with every count checked against the bytes left.
import type { Geometry, Positions, Rings } from './geometry.js';
import { GEOMETRY_DEPTH_MAX } from './wkt.js';

const CODES = {
  point: 1,
  line: 2,
  polygon: 3,
  'multi-point': 4,
  'multi-line': 5,
  'multi-polygon': 6,
  collection: 7,
} as const satisfies Record<Geometry['kind'], number>;
const HEADER_BYTES = 5;

export class WkbError extends Error {}

/** An empty point is one whose coordinates are NaN, as PostGIS and GEOS write it. */
export function encodeWkb(geometry: Geometry): Uint8Array<ArrayBuffer> {
  const writer = new WkbWriter(new DataView(new ArrayBuffer(bytesOf(geometry))));
  writer.geometry(geometry);
  return new Uint8Array(writer.view.buffer as ArrayBuffer);
}

const ringsBytes = (rings: Rings): number => rings.reduce((sum, ring) => sum + 4 + ring.length * 8, 4);

function bytesOf(geometry: Geometry): number {
  switch (geometry.kind) {
    case 'point':
      return HEADER_BYTES + 16;
    case 'line':
      return HEADER_BYTES + 4 + geometry.positions.length * 8;
    case 'polygon':
      return HEADER_BYTES + ringsBytes(geometry.rings);
    case 'multi-point':
      return HEADER_BYTES + 4 + (geometry.positions.length / 2) * (HEADER_BYTES + 16);
    case 'multi-line':
      return geometry.lines.reduce((sum, line) => sum + HEADER_BYTES + 4 + line.length * 8, HEADER_BYTES + 4);
    case 'multi-polygon':
      return geometry.polygons.reduce(
        (sum, rings) => sum + HEADER_BYTES + ringsBytes(rings),
        HEADER_BYTES + 4,
      );
    case 'collection':
      return geometry.members.reduce((sum, member) => sum + bytesOf(member), HEADER_BYTES + 4);
  }
}

class WkbWriter {
  readonly view: DataView;
  #at = 0;

  constructor(view: DataView) {
    this.view = view;
  }

  geometry(geometry: Geometry): void {
    this.#head(CODES[geometry.kind]);
    switch (geometry.kind) {
      case 'point':
        this.#position(geometry.positions, 0);
        break;
      case 'line':
        this.#line(geometry.positions);
        break;
      case 'polygon':
        this.#rings(geometry.rings);
        break;
      case 'multi-point':
        this.#count(geometry.positions.length / 2);
        for (let at = 0; at < geometry.positions.length; at += 2) {
          this.#head(CODES.point);
          this.#position(geometry.positions, at);
        }
        break;
      case 'multi-line':
        this.#count(geometry.lines.length);
        for (const line of geometry.lines) {
          this.#head(CODES.line);
          this.#line(line);
        }
        break;
      case 'multi-polygon':
        this.#count(geometry.polygons.length);
        for (const rings of geometry.polygons) {
          this.#head(CODES.polygon);
          this.#rings(rings);
        }
        break;
      case 'collection':
        this.#count(geometry.members.length);
        for (const member of geometry.members) this.geometry(member);
        break;
    }
  }

  #head(code: number): void {
    this.view.setUint8(this.#at, 1);
    this.view.setUint32(this.#at + 1, code, true);
    this.#at += HEADER_BYTES;
  }

  #count(count: number): void {
    this.view.setUint32(this.#at, count, true);
    this.#at += 4;
  }

  #number(value: number): void {
    this.view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  #position(positions: Positions, at: number): void {
    this.#number(positions[at] ?? Number.NaN);
    this.#number(positions[at + 1] ?? Number.NaN);
  }

  #line(positions: Positions): void {
    this.#count(positions.length / 2);
    for (const value of positions) this.#number(value);
  }

  #rings(rings: Rings): void {
    this.#count(rings.length);
    for (const ring of rings) this.#line(ring);
  }
}

/** @throws WkbError when the bytes are no geometry of two dimensions */
export function decodeWkb(bytes: Uint8Array): Geometry {
  const reader = new WkbReader(bytes);
  const geometry = reader.geometry(0);
  reader.end();
  return geometry;
}

class WkbReader {
  readonly #view: DataView;
  #at = 0;
  #isLittle = true;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  geometry(depth: number): Geometry {
    if (depth > GEOMETRY_DEPTH_MAX)
      throw new WkbError(`collections are nested deeper than ${GEOMETRY_DEPTH_MAX} levels`);
    const code = this.#head();
    switch (code) {
      case CODES.point:
        return { kind: 'point', positions: this.#point() };
      case CODES.line:
        return { kind: 'line', positions: this.#line() };
      case CODES.polygon:
        return { kind: 'polygon', rings: this.#rings() };
      case CODES['multi-point']:
        return {
          kind: 'multi-point',
          positions: Float64Array.from(this.#parts(CODES.point, () => [...this.#point()]).flat()),
        };
      case CODES['multi-line']:
        return { kind: 'multi-line', lines: this.#parts(CODES.line, () => this.#line()) };
      case CODES['multi-polygon']:
        return { kind: 'multi-polygon', polygons: this.#parts(CODES.polygon, () => this.#rings()) };
      case CODES.collection: {
        const count = this.#count(HEADER_BYTES);
        return {
          kind: 'collection',
          members: Array.from({ length: count }, () => this.geometry(depth + 1)),
        };
      }
      default:
        throw new WkbError(`geometry type ${code}, expected 1 to 7 (two dimensions)`);
    }
  }

  end(): void {
    if (this.#at !== this.#view.byteLength)
      throw new WkbError(`${this.#view.byteLength - this.#at} bytes behind the geometry`);
  }

  #need(bytes: number): void {
    if (this.#at + bytes > this.#view.byteLength)
      throw new WkbError(`the bytes end at ${this.#view.byteLength}`);
  }

  #head(): number {
    this.#need(HEADER_BYTES);
    const order = this.#view.getUint8(this.#at);
    if (order > 1) throw new WkbError(`byte order ${order}, expected 0 or 1`);
    this.#isLittle = order === 1;
    const code = this.#view.getUint32(this.#at + 1, this.#isLittle);
    this.#at += HEADER_BYTES;
    return code;
  }

  /** @param itemBytes that each of them takes at least, so that a count cannot claim more than there is */
  #count(itemBytes: number): number {
    this.#need(4);
    const count = this.#view.getUint32(this.#at, this.#isLittle);
    this.#at += 4;
    this.#need(count * itemBytes);
    return count;
  }

  #parts<T>(code: number, read: () => T): T[] {
    const count = this.#count(HEADER_BYTES);
    return Array.from({ length: count }, () => {
      const found = this.#head();
      if (found !== code) throw new WkbError(`a part of type ${found}, expected ${code}`);
      return read();
    });
  }

  #numbers(count: number): Positions {
    this.#need(count * 8);
    const isLittle = this.#isLittle;
    const numbers = Float64Array.from({ length: count }, (_, index) =>
      this.#view.getFloat64(this.#at + index * 8, isLittle),
    );
    this.#at += count * 8;
    return numbers;
  }

  #point(): Positions {
    const position = this.#numbers(2);
    return position.every(Number.isNaN) ? new Float64Array(0) : position;
  }

  #line(): Positions {
    return this.#numbers(this.#count(16) * 2);
  }

  #rings(): Rings {
    const count = this.#count(4);
    return Array.from({ length: count }, () => this.#line());
  }
}
