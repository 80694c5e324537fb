// The smallest box around a geometry, its sides parallel to the axes.
import type { Geometry, Positions } from './geometry.js';

export interface Box {
  readonly minX: number;
  readonly minY: number;
  readonly maxX: number;
  readonly maxY: number;
}

/** Whether there is something inside: an empty geometry has no box. */
export const isBox = ({ minX, minY, maxX, maxY }: Box): boolean => minX <= maxX && minY <= maxY;

/** Sides count as inside. */
export const meets = (one: Box, other: Box): boolean =>
  one.minX <= other.maxX && other.minX <= one.maxX && one.minY <= other.maxY && other.minY <= one.maxY;

interface Around {
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

/** An empty geometry has infinite sides, the wrong way round. Positions that are no numbers are in no box. */
export function boundsOf(geometry: Geometry): Box {
  const around: Around = { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity };
  add(around, geometry);
  return around;
}

function add(around: Around, geometry: Geometry): void {
  switch (geometry.kind) {
    case 'point':
    case 'multi-point':
    case 'line':
      addPositions(around, geometry.positions);
      return;
    case 'multi-line':
      for (const line of geometry.lines) addPositions(around, line);
      return;
    case 'polygon':
      for (const ring of geometry.rings) addPositions(around, ring);
      return;
    case 'multi-polygon':
      for (const rings of geometry.polygons) for (const ring of rings) addPositions(around, ring);
      return;
    case 'collection':
      for (const member of geometry.members) add(around, member);
      return;
  }
}

function addPositions(around: Around, positions: Positions): void {
  for (let at = 0; at + 1 < positions.length; at += 2) {
    const [x, y] = [positions[at] as number, positions[at + 1] as number];
    if (x < around.minX) around.minX = x;
    if (x > around.maxX) around.maxX = x;
    if (y < around.minY) around.minY = y;
    if (y > around.maxY) around.maxY = y;
  }
}
