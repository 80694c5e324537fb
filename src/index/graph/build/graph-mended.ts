// Mends the lists of a graph piece by piece (graph-mend.ts), so that searches that wait for the same threads get their turn between.

import type { IndexRegion, IndexWorkers } from '#index/block/vector-index.js';
import { type CountLinksInput, MENDED_NODES, type MendInput, type MendPlan } from './graph-mend.js';
import type { BuildPlace } from './graph-tasks.js';

/** @param regions of the vectors and of the build @param nodes the first so many, all linked; nothing is inserted meanwhile */
export async function mendGraph<Region extends IndexRegion>(
  workers: IndexWorkers<Region>,
  regions: readonly Region[],
  place: BuildPlace,
  nodes: number,
  signal?: AbortSignal,
): Promise<void> {
  const plan = await workers.run<MendPlan>(
    'graphCountLinks',
    { place, nodes } satisfies CountLinksInput,
    regions,
    signal,
  );
  for (let begin = 0; begin < nodes; begin += MENDED_NODES) {
    const input: MendInput = { place, nodes, plan, begin, end: Math.min(nodes, begin + MENDED_NODES) };
    await workers.run<number>('graphMend', input, regions, signal);
  }
}
