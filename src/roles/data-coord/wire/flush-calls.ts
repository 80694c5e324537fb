// Flush as a barrier: what was acknowledged before the call is sealed at every shard, and is in files when the checkpoints have passed the time of the seals. Callers that
// come while a round of seals is under way share the next one: whatever they wrote is older than it, and a hundred of them cost two rounds.
import { ElanusError } from '#base/errors.js';
import type { Channel } from '#model/states/channel.js';
import type { Platform } from '#platform/platform.js';
import type { DataCoordDefinition, FlushResponse } from '#proto/milvus/data_coord.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import { areRowsInFiles, laggingChannel } from '#roles/data-coord/flush-state.js';
import type { DeepPartial, Handlers } from '#rpc/service.js';
import { successStatus } from '#rpc/wire-status.js';
import { FlushWatch } from './flush-watch.js';
import { checkpointOf, isVisible } from './segment-info.js';

export interface FlushCallsParts {
  readonly platform: Pick<Platform, 'clock'>;
  readonly catalog: DataCatalog;
  readonly peers: Pick<DataCoordPeers, 'streamingNode'>;
}

interface Sealed {
  readonly segmentIds: readonly bigint[];
  readonly flushTimestamp: bigint;
}

/** The round that runs for a collection, and the one that all who came since wait for. */
interface Rounds {
  running: Promise<Sealed>;
  next: Promise<Sealed> | undefined;
}

/** So many collections are remembered before those that are gone are looked for. */
const SEALED_MAX = 1000;

export class FlushCalls {
  readonly #parts: FlushCallsParts;
  readonly #rounds = new Map<bigint, Rounds>();
  /** By collection: the newest time up to which it was sealed on somebody's word. */
  readonly #sealedAt = new Map<bigint, bigint>();
  /** What was asked for and may not have come to its end. */
  readonly watch = new FlushWatch();

  constructor(parts: FlushCallsParts) {
    this.#parts = parts;
  }

  readonly handlers: Pick<
    Handlers<typeof DataCoordDefinition>,
    'flush' | 'getFlushState' | 'getFlushAllState'
  > = {
    flush: async ({ collectionID, segmentIDs, dbID }) => {
      const { catalog, platform } = this.#parts;
      const checkpoints = Object.fromEntries(
        this.#channels(collectionID).map((channel) => [channel.vchannel, checkpointOf(channel)]),
      );
      const sealed =
        segmentIDs.length === 0
          ? await this.#shared(collectionID)
          : await this.#seal(collectionID, segmentIDs);
      const flushed = catalog.segmentsOf(collectionID).filter(isVisible);
      const answer: DeepPartial<FlushResponse> = {
        ...{ dbID, collectionID },
        segmentIDs: [...sealed.segmentIds],
        flushSegmentIDs: flushed.map(({ id }) => id),
        timeOfSeal: BigInt(Math.floor(platform.clock.now() / 1000)),
        flushTs: sealed.flushTimestamp,
        channelCps: checkpoints,
      };
      return answer;
    },
    getFlushState: async (request, context) => {
      const { catalog, peers } = this.#parts;
      const flushed = await areRowsInFiles(catalog, peers.streamingNode, request, context);
      if (flushed || request.flushTs === 0n) return { flushed };
      this.#sealUnlessAsked(request.collectionID, request.flushTs);
      const late = laggingChannel(catalog.channelsOf(request.collectionID), request.flushTs);
      return { flushed, status: waitingFor(late) };
    },
    getFlushAllState: async (request) => this.#allFlushed(request),
  };

  /**
   * A collection that was being made when FlushAll listed all is older than its time, and nobody has sealed it: its checkpoint would stay
   * where it is without another write, and who waits for the time would wait for ever. The same after a coordinator that was lost.
   */
  #sealUnlessAsked(collectionId: bigint, flushTs: bigint): void {
    const { catalog } = this.#parts;
    if (this.#rounds.has(collectionId) || flushTs <= (this.#sealedAt.get(collectionId) ?? 0n)) return;
    if (catalog.channelsOf(collectionId).length === 0) return;
    this.#shared(collectionId).then(
      () => this.#noteSealed(collectionId, flushTs),
      // Who asks hears what is waited for; the next question tries again.
      () => undefined,
    );
  }

  #noteSealed(collectionId: bigint, time: bigint): void {
    if (time > (this.#sealedAt.get(collectionId) ?? 0n)) this.#sealedAt.set(collectionId, time);
    if (this.#sealedAt.size <= SEALED_MAX) return;
    for (const id of this.#sealedAt.keys())
      if (this.#parts.catalog.channelsOf(id).length === 0) this.#sealedAt.delete(id);
  }

  /** Those that come together share a round. None joins one that has begun: what it sealed may be older than their last write. */
  #shared(collectionId: bigint): Promise<Sealed> {
    const rounds = this.#rounds.get(collectionId);
    if (rounds === undefined) return this.#begin(collectionId);
    rounds.next ??= rounds.running.then(
      () => this.#begin(collectionId),
      () => this.#begin(collectionId),
    );
    return rounds.next;
  }

  #begin(collectionId: bigint): Promise<Sealed> {
    const running = this.#seal(collectionId, []);
    const rounds: Rounds = { running, next: undefined };
    this.#rounds.set(collectionId, rounds);
    const end = (): void => {
      if (rounds.next === undefined && this.#rounds.get(collectionId) === rounds)
        this.#rounds.delete(collectionId);
    };
    running.then(end, end);
    return running;
  }

  async #seal(collectionId: bigint, segmentIds: readonly bigint[]): Promise<Sealed> {
    const { streamingNode } = this.#parts.peers;
    const channels = this.#channels(collectionId);
    const names = channels.map(({ vchannel }) => vchannel);
    const watched = this.watch.sealing(collectionId, names, this.#parts.platform.clock.now());
    const seal = async (vchannel: string) => {
      const sealed = await streamingNode.sealChannel({ vchannel, segmentIds }).catch((error: unknown) => {
        // It was dropped while its owner was waited for: who flushes knows of collections, not of channels.
        if (error instanceof ElanusError && error.key === 'channel_not_found')
          throw new ElanusError(
            'collection_not_found',
            `collection not found[collection=${collectionId}]; it was dropped meanwhile`,
            { cause: error },
          );
        throw error;
      });
      watched.unsealed.delete(vchannel);
      return sealed;
    };
    const sealed = await Promise.all(names.map(seal)).finally(() => this.watch.sealed(watched));
    const answer = {
      segmentIds: sealed.flatMap((one) => one.segmentIds),
      // The oldest: whatever was acknowledged before this call is older, and every checkpoint comes to it without another write.
      flushTimestamp: sealed
        .map((one) => one.flushTimestamp)
        .reduce((oldest, one) => (one < oldest ? one : oldest)),
    };
    if (segmentIds.length === 0) this.#noteSealed(collectionId, answer.flushTimestamp);
    this.watch.asked(watched, answer.flushTimestamp, this.#parts.catalog.channelsOf(collectionId));
    return answer;
  }

  /** @throws collection_not_found */
  #channels(collectionId: bigint): readonly Channel[] {
    const channels = this.#parts.catalog.channelsOf(collectionId);
    if (channels.length > 0) return channels;
    throw new ElanusError(
      'collection_not_found',
      `collection not found[collection=${collectionId}]; it has no channels`,
    );
  }

  /** Whether every channel there is has passed the time of the flush. Channels that came after the flush have nothing from before it. */
  async #allFlushed({
    flushAllTss,
    flushAllTs,
  }: {
    readonly flushAllTss: Readonly<Record<string, bigint>>;
    readonly flushAllTs: bigint;
  }) {
    if (Object.keys(flushAllTss).length === 0 && flushAllTs === 0n)
      throw new ElanusError(
        'missing_parameter',
        'GetFlushAllState: no time given, expected flush_all_tss of the flush that is asked about',
      );
    for (const channel of this.#parts.catalog.channels.values()) {
      const physical = channel.vchannel.slice(0, channel.vchannel.lastIndexOf('_'));
      const flushTs = flushAllTss[physical] ?? flushAllTs;
      if (flushTs === 0n && channel.createTimestamp < newest(flushAllTss))
        throw new ElanusError(
          'invalid_parameter',
          `GetFlushAllState: no time for channel ${physical}, expected one for each; ask with the answer of FlushAll: invalid parameter`,
        );
      if (channel.createTimestamp <= flushTs && channel.checkpointTimestamp < flushTs)
        return { flushed: false, status: waitingFor(channel) };
    }
    return { flushed: true };
  }
}

const newest = (times: Readonly<Record<string, bigint>>): bigint =>
  Object.values(times).reduce((last, time) => (time > last ? time : last), 0n);

/** Success all the same: clients read it as "not yet", and people read what for. */
function waitingFor(channel: Channel | undefined) {
  if (channel === undefined) return successStatus();
  return { ...successStatus(), extraInfo: { waits_for: `channel ${channel.vchannel}` } };
}
