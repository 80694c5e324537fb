// Links by distance beside those by inner product. By inner product a row's nearest are the longest rows in its direction, not rows like it, and
// the heuristic of the build keeps hardly another behind them: lists lead to a few hubs, and no list leads to most rows. Which rows lie beside a
// hub, and where rows end in a direction that no row points to, only links by distance say.
import type { IndexRegion } from '#index/block/vector-index.js';
import type { CountLinksInput, MendPlan } from '#index/graph/build/graph-mend.js';
import type { BuildPlace } from '#index/graph/build/graph-tasks.js';
import { type BuildRun, insertNodes, runShares } from './build-run.js';

/**
 * The part of the nodes with few links to them from which on the other graph is made. Rows of one length leave one in five hundred so, a tenth of the
 * rows in another place one in six.
 */
export const FEW_SHARE = 0.1;

/**
 * Adds them to a graph by inner products whose nodes are all linked; keys of links end here. Where links lead to most nodes already, the graph stays
 * as it is, and where neighbours have codes of one bit, which steer too badly to spare the links that lead straight to the best.
 */
export async function addNearLinks<Region extends IndexRegion>(
  run: BuildRun<Region>,
  onProgress: (done: number) => void,
): Promise<void> {
  const { workers, regions, signal, place, plan } = run;
  if (plan.spec.bits === 1) return;
  const counted: CountLinksInput = { place, nodes: plan.nodes };
  const { few } = await workers.run<MendPlan>('graphCountLinks', counted, regions, signal);
  if (few <= FEW_SHARE) return;
  const near = { ...run, place: nearPlace(place) };
  beginNear(regions[1].memory, near.place);
  await insertNodes(near, onProgress);
  await runShares(run, 'graphMergeLinks', { place });
}

/** Where the other graph is made: its lists of layer 0 have a place of their own, its upper layers that of the final ones, which are not written yet. */
export function nearPlace(place: BuildPlace): BuildPlace {
  const { layout } = place;
  const { nearLinks, nearHeader, nearKeys, finalUpper } = layout;
  const efConstruction = Math.ceil(place.efConstruction / 2);
  return {
    ...place,
    metric: 'L2',
    efConstruction,
    layout: {
      ...layout,
      links: nearLinks,
      header: nearHeader,
      upper: finalUpper,
      linkKeys: nearKeys === 0 ? layout.linkKeys : nearKeys,
    },
  };
}

export function beginNear({ buffer }: WebAssembly.Memory, { layout }: BuildPlace): void {
  new Uint8Array(buffer, layout.links, layout.linkBytes).fill(255);
  new Uint8Array(buffer, layout.upper, layout.upperBytes).fill(255);
  new Int32Array(buffer, layout.header, 4).set([0, -1, 0, 0]);
}
