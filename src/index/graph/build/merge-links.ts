// Two graphs over the same nodes become one: the lists of both in turn (`near-links.ts`).
import { NIL } from '#index/graph/nodes/graph-layout.js';
import { type BuildContext, type BuildPlace, memoriesOf } from './graph-tasks.js';

export interface MergeLinksInput {
  readonly place: BuildPlace;
  readonly begin: number;
  readonly end: number;
}

/** A task over the nodes [begin, end): of each the lists of both graphs in turn, until its list is full. Keys of links end here. */
export function graphMergeLinks({ place, begin, end }: MergeLinksInput, context: BuildContext): void {
  const [, { buffer }] = memoriesOf(context);
  const { degree, layout, nodes } = place;
  const length = degree * 2;
  const links = new Uint32Array(buffer, layout.links, nodes * length);
  const near = new Uint32Array(buffer, layout.nearLinks, nodes * length);
  for (let at = begin * length; at < end * length; at += length) {
    const merged = new Set<number>();
    for (let i = at; i < at + length && merged.size < length; i++)
      for (const list of [links, near])
        if (list[i] !== NIL && merged.size < length) merged.add(list[i] as number);
    links.fill(NIL, at, at + length);
    links.set([...merged], at);
  }
}
