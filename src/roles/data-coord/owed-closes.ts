// Channels that went with their collection while no streaming-node was there. Nobody needs to hear of it: whoever comes is given the channels that
// the catalog has. But one that came in that very moment was given these as well, and holds shards that nothing names: it hears so once it is
// there. In memory: after a restart of data-coord such a shard closes itself when it writes (streaming-node `shard-flush.ts`).
import { catalogBackOff, longerPause } from '#base/back-off.js';
import { neverAborted } from '#base/on-abort.js';
import type { Platform } from '#platform/platform.js';
import type { DataCoordPeers } from './data-coord-peers.js';

/** One close, in ms. */
const CLOSE_MS_MAX = 2000;

export class OwedCloses {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #peers: Pick<DataCoordPeers, 'nodes' | 'streamingNode'>;
  readonly #owed = new Set<string>();
  readonly #closed = new AbortController();
  #isRunning = false;

  constructor(
    platform: Pick<Platform, 'clock' | 'timers'>,
    peers: Pick<DataCoordPeers, 'nodes' | 'streamingNode'>,
  ) {
    this.#platform = platform;
    this.#peers = peers;
  }

  close(): void {
    this.#closed.abort();
  }

  add(vchannel: string): void {
    this.#owed.add(vchannel);
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#settle().finally(() => {
      this.#isRunning = false;
    });
  }

  async #settle(): Promise<void> {
    const { timers } = this.#platform;
    let pauseMs = catalogBackOff.minMs;
    while (this.#owed.size > 0 && !this.#closed.signal.aborted) {
      await timers.sleep(pauseMs, this.#closed.signal).catch(() => {});
      pauseMs = longerPause(pauseMs, catalogBackOff);
      for (const vchannel of this.#owed) {
        if (this.#closed.signal.aborted || this.#peers.nodes.isAway('streaming-node')) break;
        if (!(await this.#isClosed(vchannel))) break;
        this.#owed.delete(vchannel);
      }
    }
  }

  async #isClosed(vchannel: string): Promise<boolean> {
    const deadlineMs = this.#platform.clock.now() + CLOSE_MS_MAX;
    const context = { signal: neverAborted, deadlineMs, metadata: {} };
    return this.#peers.streamingNode.closeChannel({ vchannel }, context).then(
      () => true,
      () => false,
    );
  }
}
