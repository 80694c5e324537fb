// What flushes wait for: owners that have not sealed their channel, and channels whose checkpoint is behind the time of the flush.
import type { Channel } from '#model/states/channel.js';
import type { Explained } from '#model/states/explained.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { FlushWatch } from '#roles/data-coord/wire/flush-watch.js';

export interface FlushFacts {
  readonly catalog: Pick<DataCatalog, 'channelsOf'>;
  readonly flushes: FlushWatch;
}

export const explainFlushes = (facts: FlushFacts, collectionIds: ReadonlySet<bigint>): Explained[] =>
  [...collectionIds].flatMap((id) => [...sealing(facts, id), ...writing(facts, id)]);

function sealing({ catalog, flushes }: FlushFacts, collectionId: bigint): Explained[] {
  const channels = new Map(catalog.channelsOf(collectionId).map((channel) => [channel.vchannel, channel]));
  return flushes.sealingOf(collectionId).flatMap(({ unsealed, sinceMs }) =>
    [...unsealed].map((vchannel) => ({
      ...{ collectionId, what: `channel ${vchannel}`, state: 'sealing', sinceMs },
      waitsFor: `${ownerOf(channels.get(vchannel))} to seal channel ${vchannel}`,
    })),
  );
}

function writing({ catalog, flushes }: FlushFacts, collectionId: bigint): Explained[] {
  const channels = catalog.channelsOf(collectionId);
  const asked = flushes.of(collectionId, channels);
  if (asked === undefined) return [];
  const behind = channels.filter(({ checkpointTimestamp }) => checkpointTimestamp < asked.flushTimestamp);
  return behind.map((channel) => ({
    ...{ collectionId, what: `channel ${channel.vchannel}`, state: 'writing', sinceMs: asked.sinceMs },
    waitsFor: `${ownerOf(channel)} to write the rows of channel ${channel.vchannel} to files`,
    progress: (100 * (channels.length - behind.length)) / channels.length,
  }));
}

const ownerOf = (channel: Channel | undefined): string =>
  channel?.state === 'owned'
    ? `streaming-node ${channel.ownerServerId}`
    : 'a streaming-node (none owns it now)';
