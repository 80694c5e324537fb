// Collections that shards serve though nobody loaded them: the coordinator of a release took the record away and died, or could not reach a shard, and
// its caller did not come again. What the shards serve is compared with what is loaded when a process becomes the coordinator, and after a release that
// failed, until that has succeeded once.
//
// Before each try it is read from the store, as the one that leads, that nothing is loaded: a coordinator that was replaced ends there. And the try
// has a version from before that read. Whoever loads the collection later has targets of a later one, which a release that comes late leaves alone.
import { ElanusError, messageOf } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import { type ReleasingPeers, releaseShards } from './load-round.js';

export interface LeftoversParts {
  readonly platform: Pick<Platform, 'timers' | 'logger'>;
  readonly peers: ReleasingPeers;
  /** As the store has it, not memory. @throws when this process does not lead any more */
  readonly isLoaded: (collectionId: bigint) => Promise<boolean>;
  /** Runs while no round of the collection does. */
  readonly betweenRounds: (collectionId: bigint, task: () => Promise<void>) => Promise<void>;
}

const AGAIN_MS = 1000;

export class Leftovers {
  readonly #parts: LeftoversParts;
  #isLooking = false;
  #isWanted = false;
  /** No shard serves what is not loaded: it was so at a look, and no release has failed since. */
  #isClean = false;
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: LeftoversParts) {
    this.#parts = parts;
  }

  /** A time for a release, to be taken before it is read that nothing is loaded. */
  async version(): Promise<bigint> {
    return (await this.#parts.peers.rootCoord.allocTimestamp({ count: 1 })).timestamp;
  }

  /** Has the shards let go of what is not loaded any more; when that fails, it is tried again, whether the caller comes again or not. */
  release(collectionId: bigint, version: bigint): Promise<void> {
    return releaseShards(this.#parts.peers, collectionId, version).catch(async (error: unknown) => {
      this.#isClean = false;
      this.look();
      // Somebody loaded it since: whoever was replaced says so, and the call goes to the one that leads.
      if (error instanceof ElanusError && error.key === 'target_outdated')
        await this.#parts.isLoaded(collectionId);
      throw error;
    });
  }

  /**
   * The same of what memory says is not loaded: where it is known that no shard serves it, a streaming-node that is dead holds nobody up.
   * @returns false when it is loaded
   */
  async finish(collectionId: bigint): Promise<boolean> {
    const isClean = this.#isClean;
    const version = isClean ? 0n : await this.version();
    if (await this.#parts.isLoaded(collectionId)) return false;
    if (isClean) this.look();
    else await this.release(collectionId, version);
    return true;
  }

  /** In the background, until it has succeeded. */
  look(): void {
    // What began before may have passed over what failed since.
    this.#isWanted = true;
    if (this.#isLooking || this.#closed) return;
    this.#isLooking = true;
    this.#isWanted = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#releaseAll()
      .then(() => {
        this.#isClean = !this.#isWanted;
      })
      .catch((error: unknown) => {
        this.#parts.platform.logger.debug('leftovers_stay', { reason: messageOf(error) });
        if (!this.#closed) this.#timer = this.#parts.platform.timers.after(AGAIN_MS, () => this.look());
      })
      .finally(() => {
        this.#isLooking = false;
        if (this.#isWanted) this.look();
      });
  }

  async #releaseAll(): Promise<void> {
    const { peers, isLoaded, betweenRounds, platform } = this.#parts;
    // Who comes serves nothing but what it is sent.
    if (peers.nodes.isAway('streaming-node')) return;
    const { collectionIds } = await peers.streamingNode.servedCollections({});
    for (const collectionId of collectionIds) {
      if (this.#closed) return;
      await betweenRounds(collectionId, async () => {
        const version = await this.version();
        if (await isLoaded(collectionId)) return;
        await releaseShards(peers, collectionId, version);
        platform.logger.info('release_finished', { collectionId });
      });
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }
}
