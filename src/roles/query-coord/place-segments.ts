// Chooses the query-nodes of a shard's segments. Pure: the same view gives the same places.
//
// A segment stays where it is while its node is there; others go, the largest first, to the node with the fewest rows of this shard. Then a few move from
// the fullest node to the emptiest, as a node that comes new has nothing. Each such move makes the shard more even, by a share of what the fullest
// has, so that they come to an end, and a row more or less moves nothing.

export interface PlacedSegment {
  readonly id: bigint;
  readonly rowCount: bigint;
}

export interface PlaceView {
  /** Server ids of the query-nodes that are there. */
  readonly nodes: readonly bigint[];
  /** Where a segment is now; undefined: nowhere. */
  readonly placeOf: (segmentId: bigint) => bigint | undefined;
  /** Rows that a node has of everything: of nodes that have as much of this shard the one with the least gets more. */
  readonly rowsAt?: (node: bigint) => bigint;
  /** It is not moved for the balance. */
  readonly isFixed?: (segmentId: bigint) => boolean;
}

export interface Placement {
  readonly places: ReadonlyMap<bigint, bigint>;
  /** More segments are to move, with a later round. */
  readonly isUneven: boolean;
}

/** No node is known: the owner of the shard asks whichever answers. */
export const ANY_NODE = 0n;
/** Moves of a shard for the balance with one round: while a segment moves, two nodes have it in memory. */
const MOVES_MAX = 2;
/** A move is worth it when it takes away this share of the rows that the fullest node has beyond the emptiest, in percent of those of the fullest. */
const GAIN_PERCENT = 10n;

const NO_ROWS = (): bigint => 0n;
const NOT_FIXED = (): boolean => false;

export function placeSegments(
  segments: readonly PlacedSegment[],
  { nodes, placeOf, rowsAt = NO_ROWS, isFixed = NOT_FIXED }: PlaceView,
): Placement {
  const places = new Map<bigint, bigint>();
  const rows = new Map(nodes.map((node) => [node, 0n]));
  const give = ({ id, rowCount }: PlacedSegment, node: bigint): void => {
    places.set(id, node);
    rows.set(node, (rows.get(node) ?? 0n) + rowCount);
  };
  const byRows = (): [bigint, bigint][] =>
    [...rows].sort((a, b) => order(a[1], b[1]) || order(rowsAt(a[0]), rowsAt(b[0])) || order(a[0], b[0]));
  const homeless: PlacedSegment[] = [];
  for (const segment of segments) {
    const node = placeOf(segment.id);
    if (node !== undefined && rows.has(node)) give(segment, node);
    else homeless.push(segment);
  }
  homeless.sort(largestFirst);
  for (const segment of homeless) give(segment, byRows()[0]?.[0] ?? ANY_NODE);
  const came = new Set(homeless.map(({ id }) => id));
  const movable = segments.filter(({ id }) => !came.has(id) && !isFixed(id)).sort(largestFirst);
  for (let moved = 0; nodes.length > 1; moved++) {
    const ordered = byRows();
    const [emptiest, fullest] = [ordered[0], ordered.at(-1)];
    if (emptiest === undefined || fullest === undefined) break;
    const gap = fullest[1] - emptiest[1];
    const better = movable.find(
      ({ id, rowCount }) => places.get(id) === fullest[0] && isWorth(rowCount, gap, fullest[1]),
    );
    if (better === undefined) break;
    if (moved === MOVES_MAX) return { places, isUneven: true };
    rows.set(fullest[0], fullest[1] - better.rowCount);
    give(better, emptiest[0]);
  }
  return { places, isUneven: false };
}

/** Behind the move the two differ by less, and by enough less. */
function isWorth(rowCount: bigint, gap: bigint, fullest: bigint): boolean {
  const after = gap - 2n * rowCount;
  const gain = gap - (after < 0n ? -after : after);
  return gain > 0n && gain * 100n >= fullest * GAIN_PERCENT;
}

const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const largestFirst = (a: PlacedSegment, b: PlacedSegment): number =>
  order(b.rowCount, a.rowCount) || order(a.id, b.id);
