// One page of an iterator over all keys of a collection, as scenarios ask for it.
import { ElanusError } from '#base/errors.js';
import type { CollectionModel } from './model.js';
import type { ScenarioParts } from './scenarios.js';
import { searchWords } from './words-search.js';

/** What a page reads is held for so long behind it, and the call takes some time. */
const LEASE_MS = 610_000;

export type Page = { readonly keys: readonly number[]; readonly at: bigint } | 'refused' | undefined;

/** @param at 0n: the first page @returns undefined: nobody answered */
export async function pageOf(
  { client, cluster, trace }: ScenarioParts,
  model: CollectionModel,
  at: bigint,
): Promise<Page> {
  model.leasedUntilMs = cluster.world.clock.monotonic() + LEASE_MS;
  try {
    return await client.keysAt(model.name, at);
  } catch (error) {
    if (error instanceof ElanusError && error.key === 'invalid_parameter') return 'refused';
    trace.add('iterator', 'failed', { reason: String(error) });
    return undefined;
  }
}

/** @returns whether every row has its words: while an iterator reads, no segment that lost rows gets them. Nobody may answer now. */
export async function hasWords(parts: ScenarioParts, model: CollectionModel): Promise<boolean> {
  return model.words.life === undefined || (await searchWords(parts.workload, parts, model));
}
