// Two graphs over the same nodes become one: the lists of both in turn (`near-links.ts`).
import { NIL } from '#index/graph/nodes/graph-layout.js';
import { type BuildContext, type BuildPlace, memoriesOf } from './graph-tasks.js';

export interface MergeLinksInput {
  readonly place: BuildPlace;
  readonly begin: number;
  readonly end: number;
}

/**
 * A task over the nodes [begin, end): of each the lists of both graphs in turn, until its list is full. Keys of links end here, but in graphs that
 * grow: their lists stay, and what these nodes link to is merged anew, too, since links to them have come.
 */
export function graphMergeLinks({ place, begin, end }: MergeLinksInput, context: BuildContext): void {
  const [, { buffer }] = memoriesOf(context);
  const { degree, layout, nodes } = place;
  const length = degree * 2;
  const listsAt = (offset: number): Uint32Array => new Uint32Array(buffer, offset, nodes * length);
  const [links, near] = [listsAt(layout.links), listsAt(layout.nearLinks)];
  const isGrowing = layout.mergedLinks !== 0;
  const out = isGrowing ? listsAt(layout.mergedLinks) : links;
  const merged = new Uint32Array(length);
  const merge = (node: number): void => {
    const at = node * length;
    let count = 0;
    for (let i = at; i < at + length && count < length; i++)
      for (const list of [links, near]) {
        const link = list[i] as number;
        if (link === NIL || count === length) continue;
        let known = 0;
        while (known < count && merged[known] !== link) known++;
        if (known === count) merged[count++] = link;
      }
    // A search may read the list meanwhile: there is no time at which it is empty.
    out.set(merged.fill(NIL, count), at);
  };
  const touched = new Set<number>();
  for (let node = begin; node < end; node++) {
    merge(node);
    if (isGrowing)
      for (let i = node * length; i < (node + 1) * length; i++)
        for (const { [i]: link = NIL } of [links, near]) if (link < begin) touched.add(link);
  }
  for (const node of touched) merge(node);
}
