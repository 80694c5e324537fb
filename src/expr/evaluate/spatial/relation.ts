// A relation to one geometry, asked of the geometries of many rows. Bounds and the sides of the asked one decide most of them in nanoseconds;
// the library, which takes a tenth of a millisecond, is asked where something lies on a side, or where what is asked is no plain area.

import type JtsGeometry from 'jsts/org/locationtech/jts/geom/Geometry.js';
import { ElanusError } from '#base/errors.js';
import type { SpatialOp } from '#expr/typed.js';
import { type Box, boundsOf } from '#model/geometry/bounds.js';
import type { Geometry } from '#model/geometry/geometry.js';
import { decodeWkb } from '#model/geometry/wkb.js';
import { AreaSides } from './area-sides.js';
import { GeometryBytes, LINE, MULTI_LINE, MULTI_POLYGON, POLYGON } from './geometry-bytes.js';
import { isValidJts, relateJts, toJts } from './jts.js';

interface Asked {
  readonly jts: JtsGeometry;
  readonly bounds: Box;
  /** Undefined: only its bounds are known. */
  readonly sides: AreaSides | undefined;
}

/** What was made of a geometry is used for all segments and leaves that ask for it. */
const known = new WeakMap<Geometry, Asked>();

function prepared(geometry: Geometry): Asked {
  const before = known.get(geometry);
  if (before !== undefined) return before;
  const jts = toJts(geometry);
  const sides = AreaSides.of(geometry);
  // Which side of a side is inside says only a valid area.
  const isSure = sides !== undefined && (!sides.isArea || isValidJts(jts));
  const asked = { jts, bounds: boundsOf(geometry), sides: isSure ? sides : undefined };
  known.set(geometry, asked);
  return asked;
}

export class Relation {
  readonly #op: SpatialOp;
  readonly #asked: Asked;
  readonly #data: Uint8Array;
  readonly #shape: GeometryBytes;

  /** @param data the bytes of all rows @throws for what no geometry can be */
  constructor(op: SpatialOp, geometry: Geometry, data: Uint8Array) {
    this.#op = op;
    this.#asked = prepared(geometry);
    this.#data = data;
    this.#shape = new GeometryBytes(data);
  }

  /** @param begin of the bytes of the point */
  ofPoint(x: number, y: number, begin: number, end: number): boolean {
    const { bounds, sides } = this.#asked;
    // What is apart has none of the relations. An empty point is at NaN, and in no bounds.
    if (!(x >= bounds.minX && x <= bounds.maxX && y >= bounds.minY && y <= bounds.maxY)) return false;
    const place = sides?.placeOf(x, y);
    return place === undefined ? this.#byLibrary(begin, end) : place === 'inside' && this.#holdsInside();
  }

  ofBytes(begin: number, end: number): boolean {
    const shape = this.#shape;
    if (!shape.read(begin, end)) return this.#byLibrary(begin, end);
    if (!this.#boundsAllow(shape)) return false;
    const { sides } = this.#asked;
    const place = sides?.placeOfBox(shape.minX, shape.minY, shape.maxX, shape.maxY);
    if (place !== undefined) return place === 'inside' && this.#holdsInside();
    if (sides?.isArea === true && isCrossing(shape, sides)) return this.#holdsAcross(shape.kind);
    return this.#byLibrary(begin, end);
  }

  /** Whether it holds for what is in the inside of an area, away from its sides. */
  #holdsInside(): boolean {
    return this.#op === 'intersects' || this.#op === 'within';
  }

  /** Whether it holds for lines and areas whose border passes from the inside of an area to its outside. */
  #holdsAcross(kind: number): boolean {
    const isLine = kind === LINE || kind === MULTI_LINE;
    return this.#op === 'intersects' || this.#op === (isLine ? 'crosses' : 'overlaps');
  }

  #boundsAllow({ minX, minY, maxX, maxY }: Box): boolean {
    const { bounds } = this.#asked;
    const isApart = maxX < bounds.minX || minX > bounds.maxX || maxY < bounds.minY || minY > bounds.maxY;
    if (isApart) return false;
    const isWithin = minX >= bounds.minX && maxX <= bounds.maxX && minY >= bounds.minY && maxY <= bounds.maxY;
    const isAround = minX <= bounds.minX && maxX >= bounds.maxX && minY <= bounds.minY && maxY >= bounds.maxY;
    switch (this.#op) {
      case 'within':
        return isWithin;
      case 'contains':
        return isAround;
      case 'equals':
        return isWithin && isAround;
      default:
        return true;
    }
  }

  #byLibrary(begin: number, end: number): boolean {
    const geometry = decodeWkb(this.#data.subarray(begin, end));
    try {
      return this.#isRelated(toJts(geometry));
    } catch (error) {
      if (error instanceof ElanusError) throw error; // The library is missing: nothing is known of the row.
      // Rows may hold what is no valid geometry, such as a ring that is open: it is in no relation to anything.
      return false;
    }
  }

  #isRelated(one: JtsGeometry): boolean {
    const { jts } = this.#asked;
    if (!one.getEnvelopeInternal().intersects(jts.getEnvelopeInternal())) return false;
    const matrix = relateJts(one, jts);
    const [dimension, otherDimension] = [one.getDimension(), jts.getDimension()];
    switch (this.#op) {
      case 'equals':
        return matrix.isEquals(dimension, otherDimension);
      case 'touches':
        return matrix.isTouches(dimension, otherDimension);
      case 'overlaps':
        return matrix.isOverlaps(dimension, otherDimension);
      case 'crosses':
        return matrix.isCrosses(dimension, otherDimension);
      case 'contains':
        return matrix.isContains();
      case 'intersects':
        return matrix.isIntersects();
      case 'within':
        return matrix.isWithin();
    }
  }
}

/** Whether a line of the shape, or a side of it, certainly crosses a side. */
function isCrossing({ kind, parts, ends, positions }: GeometryBytes, sides: AreaSides): boolean {
  if (kind !== LINE && kind !== POLYGON && kind !== MULTI_LINE && kind !== MULTI_POLYGON) return false;
  let at = 0;
  for (let part = 0; part < parts; part++) {
    const end = ends[part] as number;
    for (; at + 3 < end; at += 2) {
      const [px, py] = [positions[at] as number, positions[at + 1] as number];
      const [qx, qy] = [positions[at + 2] as number, positions[at + 3] as number];
      if (sides.isCrossedBy(px, py, qx, qy)) return true;
    }
    at = end;
  }
  return false;
}
