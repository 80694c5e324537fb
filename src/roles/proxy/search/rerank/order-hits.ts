// The order of the hits of a page by the values of fields. Which hits are on the page is a matter of their scores.
import { rowOrder } from '#model/columns/value-order.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { OrderKey } from '#proto/elanus/roles.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { fetchRows } from '#roles/proxy/reads/fetch-rows.js';
import type { AnswerForm } from '#roles/proxy/search/ranked.js';
import { orderColumnsOfBatch } from '#segment/row-order.js';
import { withRowKeys } from '#segment/search/element-keys.js';
import type { Hits } from '#segment/search/hits.js';
import { pickHits } from '#segment/search/merge-hits.js';

export interface HitsToOrder {
  readonly hits: Hits;
  /** Empty: they stay as they are. */
  readonly order: readonly OrderKey[];
  readonly form: Pick<AnswerForm, 'collection' | 'primary'>;
}

/** Hits that the order leaves equal stay in the order of their scores. @throws cancelled, deadline_exceeded, segment_not_found */
export async function orderHits(
  parts: Pick<ProxyParts, 'streamingNode'>,
  { hits, order, form }: HitsToOrder,
  pace: Pace,
  context: CallContext,
): Promise<Hits> {
  if (order.length === 0 || hits.rows.length === 0) return hits;
  const compare = await hitOrder(parts, { hits, order, form }, pace, context);
  const chosen = new Uint32Array(hits.rows.length);
  let begin = 0;
  for (const count of hits.counts) {
    const places = Array.from({ length: count }, (_, at) => begin + at);
    chosen.set(
      places.sort((a, b) => compare(a, b) || a - b),
      begin,
    );
    begin += count;
    if (pace.isDue) await pace.rest();
  }
  return pickHits(hits, chosen, hits.counts);
}

/** How two hits, by their numbers, come one before the other; 0: the order says nothing. @throws cancelled, deadline_exceeded, segment_not_found */
export async function hitOrder(
  parts: Pick<ProxyParts, 'streamingNode'>,
  { hits, order, form }: HitsToOrder,
  pace: Pace,
  context: CallContext,
): Promise<(a: number, b: number) => number> {
  if (hits.rows.length === 0) return () => 0;
  const { vchannels } = form.collection.record;
  const { fieldID: fieldId, dataType } = form.primary;
  const addresses = withRowKeys(hits, { fieldId, dataType });
  const fieldIds = [...new Set(order.map((key) => key.fieldId))];
  const rows = await fetchRows(parts, { vchannels, addresses, fieldIds, kind: 'search' }, pace, context);
  const columns = await orderColumnsOfBatch(rows, order, pace);
  const compare = rowOrder(order);
  return (a, b) => compare(columns, a, columns, b);
}
