// A search for texts in a field whose vectors a function makes becomes one for vectors: once, before anything is searched, however often the search
// begins anew while segments move. A service that is asked costs money.

import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { Pace } from '#platform/pace.js';
import type { CallContext } from '#platform/transport.js';
import { FunctionType } from '#proto/milvus/schema.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import type { CheckedSearch } from '#roles/proxy/search/search-request.js';
import { querySignatures } from '#text/functions/minhash-output.js';
import type { TextsPlan } from './texts-plan.js';

type TextParts = Pick<ProxyParts, 'platform' | 'providers'>;

/** The same search with a vector for each text. @throws function_failed, provider_unavailable, invalid_parameter, cancelled, deadline_exceeded */
export async function withTextVectors(
  parts: TextParts,
  search: CheckedSearch,
  context: CallContext,
): Promise<CheckedSearch> {
  const { texts, plan } = search;
  if (texts === undefined) return search;
  const queries = await vectorsOf(parts, texts, must(plan.texts, 'plan of the texts'), context);
  return { ...search, queries, texts: undefined };
}

async function vectorsOf(
  { platform, providers }: TextParts,
  texts: readonly string[],
  { made, output, input, analyzer }: TextsPlan,
  context: CallContext,
): Promise<Uint8Array> {
  if (made.type === FunctionType.TextEmbedding)
    return await providers.embed({ made, output, texts, mode: 'search' }, context);
  if (input === undefined)
    throw new ElanusError(
      'invalid_parameter',
      `the texts of field ${output.name} are not loaded; load the input of its function, too: invalid parameter`,
    );
  return await querySignatures(texts, { made, output, input, analyzer }, new Pace(platform, context));
}
