// The order of the groups of a page by the values of fields of their best hits. Which groups are on the page is a matter of their scores, and
// so is the order within a group.
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import type { HitPage } from '#roles/proxy/search/rank-hits.js';
import { type HitsToOrder, hitOrder } from '#roles/proxy/search/rerank/order-hits.js';
import { pickHits } from '#segment/search/merge-hits.js';
import type { HitGroup } from './group-collector.js';
import type { OrderedGroups } from './rank-groups.js';

/** The groups of a page; those that the order leaves equal stay in the order of their scores. @throws cancelled, deadline_exceeded, segment_not_found */
export async function orderGroups(
  parts: Pick<ProxyParts, 'streamingNode'>,
  { found, groups, order, form }: OrderedGroups & Omit<HitsToOrder, 'hits'>,
  pace: Pace,
  context: CallContext,
): Promise<OrderedGroups> {
  if (order.length === 0) return { found, groups };
  const counts = Uint32Array.from(groups, (of) => of.length);
  const firsts = groups.flatMap((of) => of.map(({ hits: [first] }) => first?.number ?? 0));
  const hits = pickHits(found.hits, Uint32Array.from(firsts), counts);
  const compare = await hitOrder(parts, { hits, order, form }, pace, context);
  let begin = 0;
  const ordered: HitGroup[][] = [];
  for (const of of groups) {
    const numbered = of.map((group, at) => ({ group, at: begin + at }));
    ordered.push(numbered.sort((a, b) => compare(a.at, b.at) || a.at - b.at).map(({ group }) => group));
    begin += of.length;
  }
  return { found, groups: ordered };
}

/** The groups of a page alone, and the page as it is of these. */
export const groupsOfPage = (
  { found, groups }: OrderedGroups,
  { offset, limit, roundDecimal }: HitPage,
): { readonly groups: OrderedGroups; readonly page: HitPage } => ({
  groups: { found, groups: groups.map((of) => of.slice(offset, offset + limit)) },
  page: { offset: 0, limit, roundDecimal },
});
