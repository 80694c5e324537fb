// Seals what grows without what a new function makes, so that it comes to files, from which a data-node makes it. Who owns a channel may be away
// at that moment: it is asked until it answers. A crash here leaves rows that grow without it until they are sealed by the next write or by their age.
import { messageOf } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import { tryAgain } from '#platform/try-again.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';

export interface LateSealParts {
  readonly platform: Pick<Platform, 'timers' | 'logger'>;
  readonly catalog: Pick<DataCatalog, 'channels' | 'channelsOf'>;
  readonly peers: { readonly streamingNode: Pick<DataCoordPeers['streamingNode'], 'sealChannel'> };
  /** Called with the times of seals: rows until then come to files. */
  readonly onSealed: (collectionId: bigint, sealedAt: readonly bigint[]) => void;
}

export class LateSeals {
  readonly #parts: LateSealParts;
  readonly #closing = new AbortController();

  constructor(parts: LateSealParts) {
    this.#parts = parts;
  }

  /** Every channel of the collection once; those that failed go on in the background. */
  async seal(collectionId: bigint, schemaVersion: number): Promise<void> {
    const { platform, catalog } = this.#parts;
    let left: readonly string[] = catalog.channelsOf(collectionId).map(({ vchannel }) => vchannel);
    const round = async (): Promise<boolean> => {
      left = await this.#round(
        collectionId,
        left.filter((vchannel) => catalog.channels.has(vchannel)),
        schemaVersion,
      );
      return left.length === 0;
    };
    const again = { timers: platform.timers, signal: this.#closing.signal };
    if (!(await round())) void tryAgain(again, round);
  }

  close(): void {
    this.#closing.abort();
  }

  /** @returns the channels that are left */
  async #round(
    collectionId: bigint,
    vchannels: readonly string[],
    schemaVersion: number,
  ): Promise<readonly string[]> {
    const { platform, peers, onSealed } = this.#parts;
    const left: string[] = [];
    const sealedAt: bigint[] = [];
    const seal = async (vchannel: string): Promise<void> => {
      try {
        const { flushTimestamp } = await peers.streamingNode.sealChannel({ vchannel, schemaVersion });
        sealedAt.push(flushTimestamp);
      } catch (error) {
        platform.logger.warn('late_seal_failed', { collectionId, vchannel, reason: messageOf(error) });
        left.push(vchannel);
      }
    };
    await Promise.all(vchannels.map(seal));
    // Also where nothing was sealed: rows in files are filled at once.
    if (!this.#closing.signal.aborted) onSealed(collectionId, sealedAt);
    return left;
  }
}
