// Which node owns which channel, under which epoch. Epochs come from a counter of their own, so that one is never given twice, whatever
// channels exist: a log remembers the epoch of its last writer for longer than a collection lives.
import { Mutex } from '#base/async.js';
import { catalogBackOff, longerPause } from '#base/back-off.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { redeciding } from '#catalog/held-records.js';
import { sharedSchema } from '#model/schema/shared-schema.js';
import {
  type Channel,
  channelRecord,
  moveChannel,
  type OwnedChannel,
  type UnownedChannel,
} from '#model/states/channel.js';
import type { Platform } from '#platform/platform.js';
import { endedSoon } from '#platform/time.js';
import type { AcquireChannelsRequest } from '#proto/elanus/roles.js';
import type { WatchChannelsRequest } from '#proto/milvus/data_coord.js';
import type { CollectionLocks } from './collection-locks.js';
import type { DataCatalog } from './data-catalog.js';
import type { DataCoordPeers } from './data-coord-peers.js';

/** One attempt to bring a channel to the streaming-node, in ms. Creating a collection waits for the first. */
const OPEN_CHANNEL_MS_MAX = 3000;
/** After a start they are offered some at a time; the next ones after this time, in ms, though a node has not answered. */
const OFFERS_AT_ONCE = 64;
const OFFERS_MS_MAX = 50;
/** A collection is created and its rows wait for its channels: they are offered again sooner than other things. */
const offerBackOff = { ...catalogBackOff, maxMs: 5000 };
/** Channels that change hands in one transaction. */
const CHANNELS_PER_CHANGE = 100;

export interface ChannelOwnersParts {
  readonly platform: Platform;
  readonly catalog: DataCatalog;
  readonly peers: DataCoordPeers;
  readonly locks: CollectionLocks;
}

/** A new channel is the present owner's, whose epoch it has. Nobody's: whoever takes over next gets it. */
const owner = (
  ownerServerId: bigint,
): Pick<UnownedChannel, 'state'> | Pick<OwnedChannel, 'state' | 'ownerServerId'> =>
  ownerServerId === 0n ? { state: 'unowned' } : { state: 'owned', ownerServerId };

interface Offer {
  readonly retryMs?: number;
  /** Somebody waits for the channel, and hears when it does not come to be. */
  readonly isWaitedFor?: boolean;
}

const isFinal = (error: unknown, isWaitedFor: boolean): boolean =>
  !(error instanceof ElanusError) ||
  error.spec.retry === 'never' ||
  (isWaitedFor && error.key === 'wal_unavailable');

export class ChannelOwners {
  readonly #parts: ChannelOwnersParts;
  readonly #epochs = new Mutex();
  /** Collections dropped in this life: a request to watch their channels that was on its way comes too late. */
  readonly #dropped = new Set<bigint>();
  /** The epoch that was given last in this life. */
  #acquired: bigint | undefined;
  #closed = false;

  constructor(parts: ChannelOwnersParts) {
    this.#parts = parts;
  }

  /**
   * Offers every channel: some may not have come to their owner. Some at a time: of ten thousand each would hold its record until a node is up.
   * A node that took over in this life was given them, and opens none before that.
   */
  async start(): Promise<void> {
    const { catalog, platform } = this.#parts;
    const names = [...catalog.channels.keys()];
    for (let begin = 0; begin < names.length && !this.#closed; begin += OFFERS_AT_ONCE) {
      const some = names
        .slice(begin, begin + OFFERS_AT_ONCE)
        .filter((vchannel) => catalog.channels.get(vchannel)?.epoch !== this.#acquired);
      if (some.length === 0) continue;
      const offers = Promise.all(some.map((vchannel) => this.#offerLater(vchannel)));
      await endedSoon(platform.timers, offers, OFFERS_MS_MAX);
    }
  }

  close(): void {
    this.#closed = true;
  }

  collectionDropped(collectionId: bigint): void {
    this.#dropped.add(collectionId);
  }

  /** Records the channels that are new, under the newest epoch, and brings all of them to their owner. */
  async watch(
    request: Pick<WatchChannelsRequest, 'collectionID' | 'channelNames' | 'schema' | 'createTimestamp'>,
  ): Promise<void> {
    const { catalog, locks } = this.#parts;
    await locks.change(request.collectionID, async () => {
      if (this.#dropped.has(request.collectionID)) {
        const fact = `collection not found[collection=${request.collectionID}]: it was dropped before its channels came to be`;
        throw new ElanusError('collection_not_found', `${fact}; create it again`);
      }
      const names = request.channelNames.filter((vchannel) => !catalog.channels.has(vchannel));
      const schema = request.schema && sharedSchema(request.schema);
      const channels = names.map(
        (vchannel): Channel => ({
          ...owner(catalog.newestOwner),
          vchannel,
          collectionId: request.collectionID,
          schema,
          epoch: catalog.newestEpoch,
          checkpointLsn: 0n,
          checkpointTimestamp: request.createTimestamp,
          createTimestamp: request.createTimestamp,
          droppedPartitionIds: [],
          readableFrom: 0n,
        }),
      );
      // A node that takes over meanwhile raises the epoch and does not see these: they must not come to be under the old one.
      await catalog.save({ channels, guards: { epoch: true } });
    });
    // Outside the lock: a streaming-node that starts needs it to get its channels, and opens none before that.
    await Promise.all(
      request.channelNames.map((vchannel) => this.#offerChannel(vchannel, { isWaitedFor: true })),
    );
  }

  /**
   * Makes a node the owner of every channel, under an epoch above every other, also above those its logs carry: a folder whose catalog
   * forgot an epoch opens again. What the owner before it still sends is refused from here on.
   * @throws channel_moved another node took over at the same time and later
   */
  async acquire({ serverId, newestLogEpoch }: AcquireChannelsRequest): Promise<readonly Channel[]> {
    const { catalog, locks } = this.#parts;
    const epoch = await this.#epochs.run(() => redeciding(() => this.#raiseEpoch(serverId, newestLogEpoch)));
    const names = [...catalog.channels.keys()];
    const acquired: Channel[] = [];
    for (let begin = 0; begin < names.length; begin += CHANNELS_PER_CHANGE) {
      const some = names.slice(begin, begin + CHANNELS_PER_CHANGE);
      const present = (): Channel[] => some.flatMap((vchannel) => catalog.channels.get(vchannel) ?? []);
      const taken = await locks.changeAll(
        present().map((channel) => channel.collectionId),
        async () => {
          const channels = present().map((channel) =>
            moveChannel(channel, { kind: 'acquire', serverId, epoch }),
          );
          await catalog.save({ channels });
          return channels;
        },
      );
      acquired.push(...taken);
    }
    this.#acquired = epoch;
    return acquired;
  }

  async #raiseEpoch(ownerServerId: bigint, newestLogEpoch: bigint): Promise<bigint> {
    const { catalog, platform } = this.#parts;
    const newest = catalog.newestEpoch;
    if (newestLogEpoch > newest)
      platform.logger.warn('epoch_behind_log', { catalogEpoch: newest, logEpoch: newestLogEpoch });
    const epoch = (newestLogEpoch > newest ? newestLogEpoch : newest) + 1n;
    await catalog.save({ epoch: { epoch, ownerServerId } });
    return epoch;
  }

  /**
   * Brings a channel to its owner. With none up, or when the call is lost, it is offered again later; opening twice changes nothing.
   * @throws what the owner refuses for good; to whoever waits also that its log cannot be written, as on a full disk, which no waiting mends
   */
  async #offerChannel(
    vchannel: string,
    { retryMs = offerBackOff.minMs, isWaitedFor = false }: Offer = {},
  ): Promise<void> {
    const { catalog, peers, platform } = this.#parts;
    const channel = catalog.channels.get(vchannel);
    if (channel === undefined || this.#closed) return;
    const abort = new AbortController();
    const timer = platform.timers.after(OPEN_CHANNEL_MS_MAX, () => abort.abort());
    try {
      const wait = {
        signal: abort.signal,
        deadlineMs: platform.clock.now() + OPEN_CHANNEL_MS_MAX,
        metadata: {},
      };
      await peers.streamingNode.openChannel(
        { channel: channelRecord(channel), persistedSegmentIds: [] },
        wait,
      );
      // Dropped while it was opened: its close may have come first.
      if (!catalog.channels.has(vchannel)) await peers.streamingNode.closeChannel({ vchannel }, wait);
    } catch (error) {
      if (this.#closed) return;
      if (!abort.signal.aborted && isFinal(error, isWaitedFor)) throw error;
      platform.logger.warn('channel_waits_for_owner', { vchannel, reason: messageOf(error), retryMs });
      platform.timers.after(
        retryMs,
        () => void this.#offerLater(vchannel, { retryMs: longerPause(retryMs, offerBackOff) }),
      );
    } finally {
      timer.cancel();
    }
  }

  #offerLater(vchannel: string, offer?: Offer): Promise<void> {
    return this.#offerChannel(vchannel, offer).catch((error: unknown) =>
      this.#parts.platform.logger.error('channel_refused_by_owner', { vchannel, reason: messageOf(error) }),
    );
  }
}
