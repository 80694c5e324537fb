// A geometry as a value: what a Geometry field holds and what spatial filters compare with. Positions are x and y (longitude and latitude
// where the sphere is meant), one after the other in flat arrays. Text in and out is `wkt.ts`.

/** x0, y0, x1, y1, … */
export type Positions = Float64Array;
/** Rings of one polygon, the outer one first; each ends where it begins. None: an empty polygon. */
export type Rings = readonly Positions[];

export type Geometry =
  /** One position, or none: `POINT EMPTY`. */
  | { readonly kind: 'point'; readonly positions: Positions }
  | { readonly kind: 'line'; readonly positions: Positions }
  | { readonly kind: 'polygon'; readonly rings: Rings }
  | { readonly kind: 'multi-point'; readonly positions: Positions }
  | { readonly kind: 'multi-line'; readonly lines: readonly Positions[] }
  | { readonly kind: 'multi-polygon'; readonly polygons: readonly Rings[] }
  | { readonly kind: 'collection'; readonly members: readonly Geometry[] };
