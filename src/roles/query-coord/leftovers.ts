// Collections that shards serve though nobody loaded them: the coordinator of a release took the record away and died, or could not reach a shard, and
// its caller did not come again. What the shards serve is compared with what is loaded when a process becomes the coordinator, and after a release that
// failed, until that has succeeded once.
import { messageOf } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import { releaseShards } from './load-round.js';
import type { QueryCoordPeers } from './query-coord-peers.js';

export interface LeftoversParts {
  readonly platform: Pick<Platform, 'timers' | 'logger'>;
  readonly peers: QueryCoordPeers;
  readonly isLoaded: (collectionId: bigint) => boolean;
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

  /** Has the shards let go of what is not loaded any more; when that fails, it is tried again, whether the caller comes again or not. */
  release(collectionId: bigint): Promise<void> {
    return releaseShards(this.#parts.peers, collectionId).catch((error: unknown) => {
      this.#isClean = false;
      this.look();
      throw error;
    });
  }

  /** The same of what was not loaded: where it is known that no shard serves it, a streaming-node that is dead holds nobody up. */
  async finish(collectionId: bigint): Promise<void> {
    if (this.#isClean) this.look();
    else await this.release(collectionId);
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
        if (isLoaded(collectionId)) return;
        await releaseShards(peers, collectionId);
        platform.logger.info('release_finished', { collectionId });
      });
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }
}
