// Channels that went with their collection while no streaming-node was there, or that the one that was there did not close. Nobody needs to hear of
// it: whoever comes is given the channels that the catalog has. But one that came in that very moment was given these as well, and holds shards that
// nothing names: it is asked to close them once it is there. In memory: after a restart of data-coord such a shard closes itself when it writes (streaming-node
// `shard-flush.ts`). Nodes are named: the catalog, by which calls about a channel find its owner, has no such channel any more.
import { catalogBackOff, longerPause } from '#base/back-off.js';
import { neverAborted } from '#base/on-abort.js';
import type { Platform } from '#platform/platform.js';
import { SERVER_ID_HEADER } from '#rpc/remote-role.js';
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
    void this.#settle();
  }

  async #settle(): Promise<void> {
    const { timers } = this.#platform;
    let pauseMs = catalogBackOff.minMs;
    while (this.#owed.size > 0 && !this.#closed.signal.aborted) {
      await timers.sleep(pauseMs, this.#closed.signal).catch(() => {});
      pauseMs = longerPause(pauseMs, catalogBackOff);
      for (const vchannel of this.#owed) {
        if (this.#closed.signal.aborted || !(await this.#isClosed(vchannel))) break;
        this.#owed.delete(vchannel);
      }
    }
    // In the turn of the last look: whatever is added from now on begins anew.
    this.#isRunning = false;
  }

  /** Whether every streaming-node that is there has closed it; false where there is none. */
  async #isClosed(vchannel: string): Promise<boolean> {
    const { nodes, streamingNode } = this.#peers;
    const deadlineMs = this.#platform.clock.now() + CLOSE_MS_MAX;
    const closes = nodes.of('streaming-node').map(({ serverId }) => {
      const metadata = { [SERVER_ID_HEADER]: String(serverId) };
      return streamingNode.closeChannel({ vchannel }, { signal: neverAborted, deadlineMs, metadata });
    });
    const ends = await Promise.allSettled(closes);
    return ends.length > 0 && ends.every(({ status }) => status === 'fulfilled');
  }
}
