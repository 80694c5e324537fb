// The values that hits are grouped by, read from their rows.
import { must } from '#base/assert.js';
import { findColumn } from '#model/columns/column.js';
import { primaryField } from '#model/schema/field.js';
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { OpenCollection } from '#roles/proxy/collection-access.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { fetchRows } from '#roles/proxy/reads/fetch-rows.js';
import { withRowKeys } from '#segment/search/element-keys.js';
import type { Hits } from '#segment/search/hits.js';
import { pageOfHits } from '#segment/search/merge-hits.js';
import { type GroupValue, groupValues } from './group-values.js';
import type { GroupKey } from './grouping.js';

/** Rows whose values are read at a time: JSON may be long. */
const FETCH_ROWS_MAX = 2048;

export interface GroupedHits {
  readonly collection: OpenCollection;
  readonly keys: readonly GroupKey[];
  readonly hits: Hits;
}

/** By hit, its value of every key. @throws cancelled, deadline_exceeded, segment_not_found */
export async function valuesOfHits(
  parts: Pick<ProxyParts, 'streamingNode'>,
  { collection, keys, hits }: GroupedHits,
  pace: Pace,
  context: CallContext,
): Promise<GroupValue[][]> {
  const { vchannels } = collection.record;
  const { fieldID: fieldId, dataType } = primaryField(collection.schema);
  const fieldIds = [...new Set(keys.map(({ field }) => field.fieldID))];
  const rows = withRowKeys(hits, { fieldId, dataType });
  const values: GroupValue[][] = [];
  for (let begin = 0; begin < hits.rows.length; begin += FETCH_ROWS_MAX) {
    const addresses = sliceOfHits(rows, begin, Math.min(hits.rows.length, begin + FETCH_ROWS_MAX));
    const fetched = await fetchRows(parts, { vchannels, addresses, fieldIds, kind: 'search' }, pace, context);
    const byKey = keys.map((key) => {
      const column = must(findColumn(fetched, key.field.fieldID), `column ${key.name}`);
      return groupValues(key, column, fetched.rowCount);
    });
    for (let row = 0; row < fetched.rowCount; row++) values.push(byKey.map((of) => of[row] ?? null));
  }
  return values;
}

/** Hits [begin, end), as those of one query. */
export const sliceOfHits = (hits: Hits, begin: number, end: number): Hits =>
  pageOfHits({ ...hits, counts: Uint32Array.of(hits.rows.length) }, begin, end - begin);
