// The few things of JSTS that are used. Its own types, made from the comments of translated Java, contradict each other.
declare module 'jsts/org/locationtech/jts/geom/Geometry.js' {
  export interface Envelope {
    getMinX(): number;
    getMaxX(): number;
    getMinY(): number;
    getMaxY(): number;
    intersects(other: Envelope): boolean;
  }
  export default interface Geometry {
    getEnvelopeInternal(): Envelope;
    /** 0: positions, 1: lines, 2: areas; -1: empty. */
    getDimension(): number;
  }
}

declare module 'jsts/org/locationtech/jts/geom/Coordinate.js' {
  export default class Coordinate {
    constructor(x: number, y: number);
  }
}

declare module 'jsts/org/locationtech/jts/geom/GeometryFactory.js' {
  import type Coordinate from 'jsts/org/locationtech/jts/geom/Coordinate.js';
  import type Geometry from 'jsts/org/locationtech/jts/geom/Geometry.js';

  export default class GeometryFactory {
    createPoint(at?: Coordinate): Geometry;
    createLinearRing(positions: readonly Coordinate[]): Geometry;
    createLineString(positions: readonly Coordinate[]): Geometry;
    createPolygon(shell?: Geometry, holes?: readonly Geometry[]): Geometry;
    createMultiPoint(points: readonly Geometry[]): Geometry;
    createMultiLineString(lines: readonly Geometry[]): Geometry;
    createMultiPolygon(polygons: readonly Geometry[]): Geometry;
    createGeometryCollection(members: readonly Geometry[]): Geometry;
  }
}

declare module 'jsts/org/locationtech/jts/operation/relate/RelateOp.js' {
  import type Geometry from 'jsts/org/locationtech/jts/geom/Geometry.js';

  export interface IntersectionMatrix {
    isEquals(dimension: number, otherDimension: number): boolean;
    isTouches(dimension: number, otherDimension: number): boolean;
    isOverlaps(dimension: number, otherDimension: number): boolean;
    isCrosses(dimension: number, otherDimension: number): boolean;
    isContains(): boolean;
    isIntersects(): boolean;
    isWithin(): boolean;
  }
  const RelateOp: { relate(one: Geometry, other: Geometry): IntersectionMatrix };
  export default RelateOp;
}

declare module 'jsts/org/locationtech/jts/geom/TopologyException.js' {
  export default class TopologyException extends Error {}
}

declare module 'jsts/org/locationtech/jts/operation/valid/IsValidOp.js' {
  import type Geometry from 'jsts/org/locationtech/jts/geom/Geometry.js';

  const IsValidOp: { isValid(geometry: Geometry): boolean };
  export default IsValidOp;
}
