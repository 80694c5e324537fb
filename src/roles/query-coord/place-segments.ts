// Chooses the query-nodes of a shard's segments. Pure: the same view gives the same places.
export interface PlacedSegment {
  readonly id: bigint;
  readonly rowCount: bigint;
}

export interface PlaceView {
  /** Server ids of the query-nodes that are there. */
  readonly nodes: readonly bigint[];
  /** Where a segment is now; undefined: nowhere. */
  readonly placeOf: (segmentId: bigint) => bigint | undefined;
}

/** No node is known: the owner of the shard asks whichever answers. */
export const ANY_NODE = 0n;

/** A segment stays where it is while its node is there; others go, the largest first, to the node with the fewest rows of this shard. */
export function placeSegments(
  segments: readonly PlacedSegment[],
  { nodes, placeOf }: PlaceView,
): ReadonlyMap<bigint, bigint> {
  const places = new Map<bigint, bigint>();
  const rows = new Map(nodes.map((node) => [node, 0n]));
  const give = ({ id, rowCount }: PlacedSegment, node: bigint): void => {
    places.set(id, node);
    rows.set(node, (rows.get(node) ?? 0n) + rowCount);
  };
  const homeless: PlacedSegment[] = [];
  for (const segment of segments) {
    const node = placeOf(segment.id);
    if (node !== undefined && rows.has(node)) give(segment, node);
    else homeless.push(segment);
  }
  homeless.sort((a, b) => order(b.rowCount, a.rowCount) || order(a.id, b.id));
  for (const segment of homeless) {
    const [emptiest] = [...rows].sort((a, b) => order(a[1], b[1]) || order(a[0], b[0]));
    give(segment, emptiest?.[0] ?? ANY_NODE);
  }
  return places;
}

const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
