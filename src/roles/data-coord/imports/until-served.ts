// Until what the catalog has of a collection is read where it is loaded, or the caller's signal says that it waits no longer.
import { ElanusError } from '#base/errors.js';
import { unlessAborted } from '#base/on-abort.js';
import type { CallContext } from '#platform/transport.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';

/** @throws deadline_exceeded its shards were still loading when the signal aborted; what query-coord answers */
export async function untilServed(
  { queryCoord }: Pick<DataCoordPeers, 'queryCoord'>,
  collectionId: bigint,
  context: CallContext,
): Promise<void> {
  const served = queryCoord.segmentsChanged({ collectionId, untilServed: true }, context);
  // In this process a call goes on whatever becomes of its caller, and a load may take minutes.
  await unlessAborted(served, context.signal, stillLoading);
}

const stillLoading = (): ElanusError =>
  new ElanusError('deadline_exceeded', 'the shards of the collection were still loading');
