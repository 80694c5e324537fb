// Leaves over geometries: not evaluated yet.
import { ElanusError } from '#base/errors.js';
import type { VariableView } from '#expr/evaluate/column-view.js';
import type { Leaf } from '#expr/evaluate/leaf.js';
import type { Leaf as AskedLeaf } from '#expr/typed.js';

export type SpatialLeaf = AskedLeaf & { readonly kind: 'spatial' | 'near' | 'valid-geometry' };

/** @throws unsupported */
export function makeSpatialLeaf(leaf: SpatialLeaf, _view: VariableView | undefined): Leaf {
  throw new ElanusError(
    'unsupported',
    `the filter asks about the geometry of field ${leaf.field.name}, which is not supported yet; filter by other fields`,
  );
}
