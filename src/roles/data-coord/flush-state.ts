// Answers whether rows are in files: by the checkpoints of channels for a time, by the segments themselves for segments.
import { ElanusError } from '#base/errors.js';
import type { Channel } from '#model/states/channel.js';
import type { CallContext } from '#platform/transport.js';
import type { StreamingNodeDefinition } from '#proto/elanus/roles.js';
import type { GetFlushStateRequest } from '#proto/milvus/data_coord.js';
import type { Client } from '#rpc/service.js';
import type { DataCatalog } from './data-catalog.js';

/** The channel that is furthest behind the time; undefined: every row until then is in files. */
export function laggingChannel(channels: readonly Channel[], flushTs: bigint): Channel | undefined {
  const behind = channels.filter(({ checkpointTimestamp }) => checkpointTimestamp < flushTs);
  return behind.reduce<Channel | undefined>(
    (last, one) => (last === undefined || one.checkpointTimestamp < last.checkpointTimestamp ? one : last),
    undefined,
  );
}

/** @throws missing_parameter when the request names no segments and no collection; whatever a channel's owner throws, as only it knows what still grows */
export async function areRowsInFiles(
  catalog: DataCatalog,
  streamingNode: Client<typeof StreamingNodeDefinition>,
  {
    collectionID,
    segmentIDs,
    flushTs,
  }: Pick<GetFlushStateRequest, 'collectionID' | 'segmentIDs' | 'flushTs'>,
  context: CallContext,
): Promise<boolean> {
  if (collectionID === 0n && segmentIDs.length === 0 && flushTs > 0n)
    throw new ElanusError(
      'missing_parameter',
      'GetFlushState: a time without a collection or segments; name the collection',
    );
  const wanted = new Set(segmentIDs);
  if (segmentIDs.some((id) => catalog.segments.get(id)?.state === 'importing')) return false;
  if (segmentIDs.some((id) => !catalog.segments.has(id))) {
    // What the catalog does not know is gone, or grows still, or is being written.
    const channels = collectionID === 0n ? [...catalog.channels.values()] : catalog.channelsOf(collectionID);
    for (const { vchannel } of channels) {
      const { segments } = await streamingNode.channelRows({ vchannel }, context);
      if (segments.some(({ segmentId }) => wanted.has(segmentId))) return false;
    }
  }
  const collections =
    collectionID === 0n ? segmentIDs.map((id) => catalog.segments.get(id)?.collectionId) : [collectionID];
  return [...new Set(collections)].every((id) =>
    id === undefined ? true : laggingChannel(catalog.channelsOf(id), flushTs) === undefined,
  );
}
