// Rows of an import can be compacted once the checkpoint has come to their commit, which without writes takes a seal.
import { type FlushedSegment, isFlushed } from '#model/states/segment.js';
import type { PlanParts } from './run-plan.js';

/** Who compacts waits so long for the time of an import to be over, in ms. */
const CHECKPOINT_MS_MAX = 10_000;

/** @param only the segments that are to be compacted; left out: all of the collection */
export async function awaitImports(
  { catalog, peers, platform }: PlanParts,
  collectionId: bigint,
  signal: AbortSignal,
  only?: readonly FlushedSegment[],
): Promise<void> {
  const wanted = only ?? catalog.segmentsOf(collectionId).filter(isFlushed);
  for (const { vchannel, checkpointTimestamp } of catalog.channelsOf(collectionId)) {
    const isEarly = wanted.some(
      (one) => one.vchannel === vchannel && one.commitTimestamp > checkpointTimestamp,
    );
    if (!isEarly) continue;
    const { flushTimestamp: timestamp } = await peers.streamingNode.sealChannel({ vchannel });
    const deadlineMs = platform.clock.now() + CHECKPOINT_MS_MAX;
    await peers.streamingNode.awaitCheckpoint({ vchannel, timestamp }, { signal, deadlineMs, metadata: {} });
  }
}
