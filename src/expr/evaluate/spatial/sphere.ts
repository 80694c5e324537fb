// Distances on the sphere from a point to geometries, in metres; positions are longitude and latitude in degrees.
import type { Geometry, Positions } from '#model/geometry/geometry.js';

/** The mean radius of the Earth. */
const RADIUS_METRES = 6_371_008.8;
const RADIANS = Math.PI / 180;

/** Along the great circle, by the haversine formula. */
export function haversineMetres(lon1: number, lat1: number, lon2: number, lat2: number): number {
  const sinLat = Math.sin(((lat2 - lat1) * RADIANS) / 2);
  const sinLon = Math.sin(((lon2 - lon1) * RADIANS) / 2);
  const h = sinLat * sinLat + Math.cos(lat1 * RADIANS) * Math.cos(lat2 * RADIANS) * sinLon * sinLon;
  return 2 * RADIUS_METRES * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Degrees of a way along a great circle. */
export const degreesOf = (metres: number): number => metres / RADIUS_METRES / RADIANS;

export interface Place {
  readonly longitude: number;
  readonly latitude: number;
}

/** To the nearest position of the geometry, 0 inside a polygon; infinite for an empty one. */
export function distanceInMetres(geometry: Geometry, from: Place): number {
  switch (geometry.kind) {
    case 'point':
    case 'multi-point':
      return toPositions(geometry.positions, from);
    case 'line':
      return toLine(geometry.positions, from);
    case 'multi-line':
      return Math.min(Infinity, ...geometry.lines.map((line) => toLine(line, from)));
    case 'polygon':
      return toPolygon(geometry.rings, from);
    case 'multi-polygon':
      return Math.min(Infinity, ...geometry.polygons.map((rings) => toPolygon(rings, from)));
    case 'collection':
      return Math.min(Infinity, ...geometry.members.map((member) => distanceInMetres(member, from)));
  }
}

function toPositions(positions: Positions, { longitude, latitude }: Place): number {
  let least = Infinity;
  for (let at = 0; at + 1 < positions.length; at += 2) {
    const metres = haversineMetres(longitude, latitude, positions[at] as number, positions[at + 1] as number);
    if (metres < least) least = metres;
  }
  return least;
}

/** The nearest place of each side is found in the plane that touches the sphere at the point, its distance on the sphere. */
function toLine(positions: Positions, from: Place): number {
  const { longitude, latitude } = from;
  const shrink = Math.cos(latitude * RADIANS);
  let least = toPositions(positions, from);
  for (let at = 0; at + 3 < positions.length; at += 2) {
    const [x1, y1] = [positions[at] as number, positions[at + 1] as number];
    const [dx, dy] = [(positions[at + 2] as number) - x1, (positions[at + 3] as number) - y1];
    const length = dx * dx * shrink * shrink + dy * dy;
    if (length === 0) continue;
    const along = ((longitude - x1) * dx * shrink * shrink + (latitude - y1) * dy) / length;
    if (along <= 0 || along >= 1) continue;
    least = Math.min(least, haversineMetres(longitude, latitude, x1 + dx * along, y1 + dy * along));
  }
  return least;
}

function toPolygon(rings: readonly Positions[], from: Place): number {
  let isInside = false;
  let least = Infinity;
  for (const ring of rings) {
    if (crossesOdd(ring, from)) isInside = !isInside;
    least = Math.min(least, toLine(ring, from));
  }
  return isInside ? 0 : least;
}

/** Whether a ray from the point meets the ring an odd number of times. */
function crossesOdd(ring: Positions, { longitude, latitude }: Place): boolean {
  let isOdd = false;
  for (let at = 0; at + 3 < ring.length; at += 2) {
    const [x1, y1] = [ring[at] as number, ring[at + 1] as number];
    const [x2, y2] = [ring[at + 2] as number, ring[at + 3] as number];
    if (y1 > latitude === y2 > latitude) continue;
    if (longitude < ((x2 - x1) * (latitude - y1)) / (y2 - y1) + x1) isOdd = !isOdd;
  }
  return isOdd;
}
