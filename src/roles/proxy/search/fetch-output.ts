// Step 5 of a search: the output fields of the hits that stay, and the texts that are marked.
import type { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import type { ColumnBatch } from '#proto/elanus/data.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import { fetchRows } from '#roles/proxy/reads/fetch-rows.js';
import { highlightedIds } from '#roles/proxy/search/highlight/highlight-hits.js';
import type { Hits } from '#segment/search/hits.js';
import type { AnswerForm } from './ranked.js';

/** @param hits with the keys of their rows. Undefined: there are none, or no fields were asked for */
export function fetchOutput(
  parts: Pick<ProxyParts, 'streamingNode'>,
  hits: Hits,
  { collection, output, highlighting }: Pick<AnswerForm, 'collection' | 'output' | 'highlighting'>,
  pace: Pace,
  context: CallContext,
): Promise<ColumnBatch> | undefined {
  const fieldIds =
    highlighting === undefined
      ? output.fieldIds
      : [...new Set([...output.fieldIds, ...highlightedIds(highlighting)])];
  if (fieldIds.length === 0 || hits.rows.length === 0) return undefined;
  const { vchannels } = collection.record;
  return fetchRows(parts, { vchannels, addresses: hits, fieldIds, kind: 'search' }, pace, context);
}
