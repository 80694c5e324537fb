// Chooses where segments go that a client wants away from a query-node. Pure.
import { ElanusError } from '#base/errors.js';

export interface ServedSegment {
  readonly id: bigint;
  readonly rowCount: bigint;
  readonly nodeId: bigint;
}

/** One that was compacted stays where it is until what it became takes its place. */
export const movable = <T extends { readonly segment: { readonly state: string } }>(
  segments: readonly T[],
): readonly T[] => segments.filter(({ segment }) => segment.state !== 'dropped');

export interface MoveWish {
  readonly sourceNodeId: bigint;
  /** Empty: all other nodes that may serve the collection. */
  readonly targetNodeIds: readonly bigint[];
  /** Empty: all that the source serves of the collection. Those that a target serves already stay there: a wish may come again. */
  readonly segmentIds: readonly bigint[];
}

/**
 * The largest first, each to the target with the fewest rows.
 * @param nodes those that may serve the collection
 * @throws node_missing, segment_not_found, invalid_parameter
 */
export function chooseMoves(
  segments: readonly ServedSegment[],
  { sourceNodeId, targetNodeIds, segmentIds }: MoveWish,
  nodes: readonly bigint[],
): ReadonlyMap<bigint, bigint> {
  const missing = [sourceNodeId, ...targetNodeIds].find((node) => !nodes.includes(node));
  if (missing !== undefined)
    throw new ElanusError(
      'node_missing',
      `node not found[node=${missing}]; the query nodes that serve the collection are ${nodes.join(', ')}`,
    );
  const targets = (targetNodeIds.length > 0 ? targetNodeIds : nodes).filter((node) => node !== sourceNodeId);
  if (targets.length === 0)
    throw new ElanusError(
      'invalid_parameter',
      `no query node is left to balance to beside the source ${sourceNodeId}; start another one, or name it in dst_nodeIDs: invalid parameter`,
    );
  const served = segments.filter(({ nodeId }) => nodeId === sourceNodeId);
  const known = segments.filter(({ nodeId }) => nodeId === sourceNodeId || targets.includes(nodeId));
  const foreign = segmentIds.find((id) => !known.some((segment) => segment.id === id));
  if (foreign !== undefined)
    throw new ElanusError(
      'segment_not_found',
      `segment not found[segment=${foreign}]: node ${sourceNodeId} does not serve it; GetQuerySegmentInfo says who does`,
    );
  const rows = new Map(targets.map((node) => [node, 0n]));
  for (const { nodeId, rowCount } of segments)
    if (rows.has(nodeId)) rows.set(nodeId, (rows.get(nodeId) ?? 0n) + rowCount);
  const moves = new Map<bigint, bigint>();
  const wanted = served.filter(({ id }) => segmentIds.length === 0 || segmentIds.includes(id));
  wanted.sort((a, b) => order(b.rowCount, a.rowCount) || order(a.id, b.id));
  for (const { id, rowCount } of wanted) {
    const [emptiest] = [...rows].sort((a, b) => order(a[1], b[1]) || order(a[0], b[0]));
    if (emptiest === undefined) break;
    moves.set(id, emptiest[0]);
    rows.set(emptiest[0], emptiest[1] + rowCount);
  }
  return moves;
}

/** @throws collection_not_fully_loaded some could not be loaded where they were to go: they are served where they were */
export function checkMoved(moves: ReadonlyMap<bigint, bigint>, served: readonly ServedSegment[]): void {
  for (const { id, nodeId } of served) {
    const node = moves.get(id);
    if (node === undefined || node === nodeId) continue;
    const fact = `segment ${id} was not moved to query node ${node} and is served by ${nodeId} as before`;
    throw new ElanusError(
      'collection_not_fully_loaded',
      `${fact}; the log of its streaming-node says why (segment_not_moved), ask again`,
    );
  }
}

const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
