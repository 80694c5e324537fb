// Which imports a read of a shard sees. An import commits at one time T, by one change of the catalog, and imports of a collection become part of
// the catalog in the order of their times. Shards serve its segments one after another, each in the turn in which it has loaded all of its target.
//
//   1. A shard knows the imports until K: of each with T <= K it reads all that it has, and of those with T > K nothing.
//   2. A read says K of each shard, and the newest T of which it saw rows. Where one saw what another does not know yet, the proxy asks it again
//      without: so an import is seen in all shards or in none, whichever dies or lags (proxy `reads/same-imports.ts`).
//   3. A read of several steps, a page of an iterator or a search by words behind its count, stays at the K of its first one.
import type { SyncTargetRequest } from '#proto/elanus/roles.js';
import type { ServedState } from './served-segment.js';

/** The imports of which all that the target names is read. */
export function knownImports(
  { segments, importsUntil }: Pick<SyncTargetRequest, 'segments' | 'importsUntil'>,
  { served }: { readonly served: Pick<ServedState['served'], 'get'> },
): bigint {
  let known = importsUntil;
  let missing: bigint | undefined;
  for (const { segment } of segments) {
    const at = segment?.commitTimestamp ?? 0n;
    if (segment === undefined || at === 0n) continue;
    if (at > known) known = at;
    if (served.get(segment.id)?.isLive !== true && (missing === undefined || at < missing)) missing = at;
  }
  return missing === undefined ? known : missing - 1n;
}

/** Until when a read sees imports. @param asked undefined: as far as they are known */
export const earlier = (known: bigint, asked: bigint | undefined): bigint =>
  asked !== undefined && asked < known ? asked : known;
