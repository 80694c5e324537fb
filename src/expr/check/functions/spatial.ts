// Functions over geometries: `st_within` and its like, `st_dwithin`, `st_isvalid`.

import type { Node } from '#expr/ast.js';
import { fieldTypeName } from '#expr/check/comparison.js';
import { leafOf } from '#expr/check/leaves.js';
import type { CheckContext } from '#expr/check/values.js';
import { FilterSyntaxError } from '#expr/parse/syntax-error.js';
import type { FieldRef, Predicate, SpatialOp } from '#expr/typed.js';
import type { Geometry } from '#model/geometry/geometry.js';
import { parseWkt, WktError } from '#model/geometry/wkt.js';
import { DataType } from '#model/schema/data-type.js';
import { argumentField, type CallNode, checkArguments, constantArgument } from './call-arguments.js';

export const spatialOps: ReadonlyMap<string, SpatialOp> = new Map([
  ['st_equals', 'equals'],
  ['st_touches', 'touches'],
  ['st_overlaps', 'overlaps'],
  ['st_crosses', 'crosses'],
  ['st_contains', 'contains'],
  ['st_intersects', 'intersects'],
  ['st_within', 'within'],
]);
function geometryField(context: CheckContext, node: CallNode): FieldRef {
  const field = argumentField(context, node);
  if (field.dataType === DataType.Geometry) return field;
  throw new FilterSyntaxError(
    `${node.name} operation are only supported on geometry fields now, got: ${fieldTypeName(field)}`,
    node.begin,
  );
}

function geometryArgument(context: CheckContext, node: Node): Geometry {
  const text = constantArgument(context, node, 'the geometry');
  if (text.type !== 'text') throw new FilterSyntaxError('the geometry must be a string in WKT', node.begin);
  try {
    return parseWkt(text.value);
  } catch (error) {
    if (!(error instanceof WktError)) throw error;
    const shown = JSON.stringify(text.value.slice(0, 64));
    throw new FilterSyntaxError(
      `invalid geometry ${shown}: ${error.message}, expected WKT like POINT (1 2)`,
      node.begin,
    );
  }
}

/** @throws FilterSyntaxError */
export function checkSpatial(
  context: CheckContext,
  node: CallNode,
  op: SpatialOp,
  negated: boolean,
): Predicate {
  checkArguments(node, 2);
  const field = geometryField(context, node);
  const geometry = geometryArgument(context, node.args[1] as Node);
  return leafOf({ kind: 'spatial', field, op, geometry }, negated);
}

/** @throws FilterSyntaxError */
export function checkNear(context: CheckContext, node: CallNode, negated: boolean): Predicate {
  checkArguments(node, 3);
  const field = geometryField(context, node);
  const [, point, distance] = node.args as [Node, Node, Node];
  const geometry = geometryArgument(context, point);
  const [longitude, latitude] = geometry.kind === 'point' ? geometry.positions : [];
  if (longitude === undefined || latitude === undefined) {
    throw new FilterSyntaxError('st_dwithin needs a point that is not empty', point.begin);
  }
  const metres = constantArgument(context, distance, 'the distance');
  if ((metres.type !== 'int' && metres.type !== 'double') || !(Number(metres.value) >= 0)) {
    throw new FilterSyntaxError(
      'the distance of st_dwithin must be a number of metres, at least 0',
      distance.begin,
    );
  }
  return leafOf({ kind: 'near', field, longitude, latitude, metres: Number(metres.value) }, negated);
}

/** @throws FilterSyntaxError */
export function checkValid(context: CheckContext, node: CallNode, negated: boolean): Predicate {
  checkArguments(node, 1);
  return leafOf({ kind: 'valid-geometry', field: geometryField(context, node) }, negated);
}
