// How far something is loaded, and who serves it, for those that ask.
import { isInScope, loadProgress, namedPartitions, takesLater } from '#model/states/load.js';
import type { LoadRequest, LoadStateResponse } from '#proto/elanus/roles.js';
import { whole } from '#rpc/service.js';
import type { Distribution } from './distribution.js';
import type { Loaded } from './loaded.js';

export function loadState(
  { load, definition }: Pick<Loaded, 'load' | 'definition'>,
  { collectionId, partitionIds, withoutChannels }: LoadRequest,
  distribution: Distribution,
): LoadStateResponse {
  const { scope, failure } = load;
  // Every read asks this first, so the answer is whole and goes on as it is.
  return whole<LoadStateResponse>({
    status: undefined,
    known: partitionIds.every((id) => isInScope(scope, id)),
    progress: loadProgress(load),
    partitionIds: [...namedPartitions(scope)],
    reason: failure?.reason ?? '',
    outOfMemory: failure?.cause === 'memory',
    damaged: failure?.cause === 'damage',
    resourceGroup: definition.resourceGroup,
    leftOutFieldIds: [...definition.leftOut],
    takesLater: takesLater(scope),
    channels: withoutChannels
      ? []
      : distribution.channelsOf(collectionId).map(([vchannel, { serverId }]) => ({
          vchannel,
          leaderId: serverId,
          nodeIds: [...distribution.nodesOf(vchannel)],
        })),
  });
}

/** -1: not loaded. */
export const percentOf = (loaded: Pick<Loaded, 'load'> | undefined): number =>
  loaded === undefined ? -1 : loadProgress(loaded.load);
