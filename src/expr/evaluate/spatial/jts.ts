// Geometries as JSTS has them, the library that relates two of them, behind three functions: a build makes a file of its own of it, read with the first
// geometry (scripts/bundle.mjs).
import Coordinate from 'jsts/org/locationtech/jts/geom/Coordinate.js';
import type JtsGeometry from 'jsts/org/locationtech/jts/geom/Geometry.js';
import GeometryFactory from 'jsts/org/locationtech/jts/geom/GeometryFactory.js';
import RelateOp, { type IntersectionMatrix } from 'jsts/org/locationtech/jts/operation/relate/RelateOp.js';
import IsValidOp from 'jsts/org/locationtech/jts/operation/valid/IsValidOp.js';
import type { Geometry, Positions, Rings } from '#model/geometry/geometry.js';

const factory = new GeometryFactory();

function coordinatesOf(positions: Positions): Coordinate[] {
  const coordinates: Coordinate[] = [];
  for (let at = 0; at + 1 < positions.length; at += 2)
    coordinates.push(new Coordinate(positions[at] as number, positions[at + 1] as number));
  return coordinates;
}

function polygonOf(rings: Rings): JtsGeometry {
  const [outer, ...holes] = rings.map((ring) => factory.createLinearRing(coordinatesOf(ring)));
  return outer === undefined ? factory.createPolygon() : factory.createPolygon(outer, holes);
}

/** @throws for what no geometry can be: a ring that is open, a line of one position */
export function toJts(geometry: Geometry): JtsGeometry {
  switch (geometry.kind) {
    case 'point': {
      const [only] = coordinatesOf(geometry.positions);
      return only === undefined ? factory.createPoint() : factory.createPoint(only);
    }
    case 'line':
      return factory.createLineString(coordinatesOf(geometry.positions));
    case 'polygon':
      return polygonOf(geometry.rings);
    case 'multi-point':
      return factory.createMultiPoint(
        coordinatesOf(geometry.positions).map((one) => factory.createPoint(one)),
      );
    case 'multi-line':
      return factory.createMultiLineString(
        geometry.lines.map((line) => factory.createLineString(coordinatesOf(line))),
      );
    case 'multi-polygon':
      return factory.createMultiPolygon(geometry.polygons.map(polygonOf));
    case 'collection':
      return factory.createGeometryCollection(geometry.members.map(toJts));
  }
}

export function relateJts(one: JtsGeometry, other: JtsGeometry): IntersectionMatrix {
  return RelateOp.relate(one, other);
}

export function isValidJts(geometry: JtsGeometry): boolean {
  return IsValidOp.isValid(geometry);
}
