// Leaves of a filter by a tree of boxes: a relation to a geometry, and a distance from a point. What is found are candidates.
import type { Leaf } from '#expr/typed.js';
import { type Box, boundsOf, isBox } from '#model/geometry/bounds.js';
import type { BoxTree } from './box-tree.js';
import { addRows, type LeafAnswer, listAnswer, NO_ROWS } from './leaf-answer.js';

/** A little less than the mean radius of the Earth, so that angles come out a little larger than they are. */
const RADIUS_METRES = 6_371_008;
const DEGREES = 180 / Math.PI;
/** Positions further out wind around the sphere more often than is tried here. */
const LONGITUDE_MAX = 540;
const TURNS = [-720, -360, 0, 360, 720] as const;

export function answerByBoxes(tree: BoxTree, leaf: Leaf): LeafAnswer | undefined {
  if (leaf.kind === 'spatial') {
    // Whatever is apart stands in none of the relations, and an empty geometry in none to anything.
    const box = boundsOf(leaf.geometry);
    return isBox(box) ? meeting(tree, [box]) : listAnswer([], false);
  }
  return leaf.kind === 'near' ? near(tree, leaf) : undefined;
}

function near(tree: BoxTree, { longitude, latitude, metres }: Leaf & { readonly kind: 'near' }) {
  const all = tree.bounds;
  if (all === undefined) return NO_ROWS;
  const isOnGlobe =
    all.minX >= -LONGITUDE_MAX &&
    all.maxX <= LONGITUDE_MAX &&
    all.minY >= -90 &&
    all.maxY <= 90 &&
    Math.abs(longitude) <= LONGITUDE_MAX &&
    Math.abs(latitude) <= 90;
  if (!isOnGlobe || !(metres >= 0)) return undefined;
  return meeting(tree, boxesAround(longitude, latitude, metres / RADIUS_METRES));
}

/** Rows that meet one of the boxes; one that meets several is counted for each. */
function meeting(tree: BoxTree, boxes: readonly Box[]): LeafAnswer {
  const { rows } = tree.parts;
  const runs = boxes.map((box) => tree.runsMeeting(box));
  let count = 0;
  for (const pairs of runs)
    for (let at = 0; at < pairs.length; at += 2) count += (pairs[at + 1] as number) - (pairs[at] as number);
  return {
    rowsMax: Math.min(count, rows.length),
    isExact: false,
    addTo(bits) {
      for (const pairs of runs)
        for (let at = 0; at < pairs.length; at += 2) addRows(bits, rows.subarray(pairs[at], pairs[at + 1]));
    },
  };
}

/** Boxes that cover the circle around a point, wherever its longitude is written. @param angle radius in radians */
function boxesAround(longitude: number, latitude: number, angle: number): Box[] {
  const spare = 1e-7;
  const height = angle * DEGREES + spare;
  const [minY, maxY] = [latitude - height, latitude + height];
  // A circle with a pole inside has every longitude.
  if (minY <= -90 || maxY >= 90 || angle >= Math.PI / 2)
    return [{ minX: -Infinity, maxX: Infinity, minY, maxY }];
  const ratio = Math.sin(angle) / Math.cos(latitude / DEGREES);
  const width = Math.asin(Math.min(1, ratio)) * DEGREES * (1 + 1e-9) + spare;
  return TURNS.map((turn) => ({
    minX: longitude + turn - width,
    maxX: longitude + turn + width,
    minY,
    maxY,
  }));
}
