// Links by distance beside those by inner product in a graph that grows (`near-links.ts` says why, and does it at once for one that is complete).
// Both graphs are kept, since each prunes by keys of its own, and searches read the lists of both as one.
import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import type { CountLinksInput, MendPlan } from '#index/graph/build/graph-mend.js';
import type { BuildPlace, InsertInput } from '#index/graph/build/graph-tasks.js';
import type { MergeLinksInput } from '#index/graph/build/merge-links.js';
import { beginNear, FEW_SHARE, nearPlace } from './near-links.js';

/** Whether lists by inner product alone leave too many of the first `nodes` nodes out of reach. */
export async function wantsNear<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  regions: readonly Region[],
  place: BuildPlace,
  nodes: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const input: CountLinksInput = { place, nodes };
  const { few } = await workers.run<MendPlan>('graphCountLinks', input, regions, signal);
  return few > FEW_SHARE;
}

/** Writes what it begins with. */
export function beginGrowingNear(memory: WebAssembly.Memory, place: BuildPlace): void {
  const { mergedLinks, linkBytes } = place.layout;
  beginNear(memory, nearPlace(place));
  new Uint8Array(memory.buffer, mergedLinks, linkBytes).fill(255);
}

/** Adds nodes to the graph by distance that the other has already, and merges the lists of both. */
export async function growNear<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  regions: readonly Region[],
  place: BuildPlace,
  { begin, end }: { readonly begin: number; readonly end: number },
  signal?: AbortSignal,
): Promise<void> {
  const insert: InsertInput = { place: nearPlace(place), end, most: end - begin };
  await workers.run('graphInsert', insert, regions, signal);
  await workers.run('graphMergeLinks', { place, begin, end } satisfies MergeLinksInput, regions, signal);
}
