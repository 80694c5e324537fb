// What flushes wait for: owners that have not sealed their channel, and channels whose checkpoint is behind the time of the flush. An owner
// is asked why its files do not come: its disk may be full, or it may not answer.
import { messageOf } from '#base/errors.js';
import type { Channel } from '#model/states/channel.js';
import type { Explained } from '#model/states/explained.js';
import type { Platform } from '#platform/platform.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import type { FlushWatch } from '#roles/data-coord/wire/flush-watch.js';

export interface FlushFacts {
  readonly catalog: Pick<DataCatalog, 'channelsOf'>;
  readonly flushes: FlushWatch;
  readonly platform: Pick<Platform, 'clock'>;
  readonly peers: Pick<DataCoordPeers, 'streamingNode'>;
}

/** Owners that are asked at a time, and how long they have, in ms. */
const ASKED_MAX = 32;
const ASKED_MS = 1000;

export async function explainFlushes(
  facts: FlushFacts,
  collectionIds: ReadonlySet<bigint>,
): Promise<Explained[]> {
  const sealed = [...collectionIds].flatMap((id) => sealing(facts, id));
  const written = [...collectionIds].flatMap((id) => writing(facts, id));
  return Promise.all(
    [...sealed, ...written].map(async ({ vchannel, ...one }, at) => {
      const reason = at < ASKED_MAX ? await reasonOf(facts, vchannel) : '';
      return reason === '' ? one : { ...one, waitsFor: `${one.waitsFor}; ${reason}` };
    }),
  );
}

interface OfChannel extends Explained {
  readonly vchannel: string;
}

async function reasonOf({ peers, platform }: FlushFacts, vchannel: string): Promise<string> {
  const { signal } = new AbortController();
  const context = { signal, deadlineMs: platform.clock.now() + ASKED_MS, metadata: {} };
  return peers.streamingNode.channelRows({ vchannel }, context).then(
    ({ flushFailure }) => (flushFailure === '' ? '' : `the last try failed: ${flushFailure}`),
    (error: unknown) => `it does not answer: ${messageOf(error)}`,
  );
}

function sealing({ catalog, flushes }: FlushFacts, collectionId: bigint): OfChannel[] {
  const channels = new Map(catalog.channelsOf(collectionId).map((channel) => [channel.vchannel, channel]));
  return flushes.sealingOf(collectionId).flatMap(({ unsealed, sinceMs }) =>
    [...unsealed].map((vchannel) => ({
      ...{ collectionId, vchannel, what: `channel ${vchannel}`, state: 'sealing', sinceMs },
      waitsFor: `${ownerOf(channels.get(vchannel))} to seal channel ${vchannel}`,
    })),
  );
}

function writing({ catalog, flushes }: FlushFacts, collectionId: bigint): OfChannel[] {
  const channels = catalog.channelsOf(collectionId);
  const asked = flushes.of(collectionId, channels);
  if (asked === undefined) return [];
  const behind = channels.filter(({ checkpointTimestamp }) => checkpointTimestamp < asked.flushTimestamp);
  return behind.map((channel) => ({
    ...{ collectionId, vchannel: channel.vchannel, what: `channel ${channel.vchannel}` },
    ...{ state: 'writing', sinceMs: asked.sinceMs },
    waitsFor: `${ownerOf(channel)} to write the rows of channel ${channel.vchannel} to files`,
    progress: (100 * (channels.length - behind.length)) / channels.length,
  }));
}

const ownerOf = (channel: Channel | undefined): string =>
  channel?.state === 'owned'
    ? `streaming-node ${channel.ownerServerId}`
    : 'a streaming-node (none owns it now)';
