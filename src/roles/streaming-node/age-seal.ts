// Seals what has grown old or has not been written for long, so that rows come to files without a flush.
import { messageOf } from '#base/errors.js';
import type { Timer } from '#platform/time.js';
import type { OpenShard } from './open-shard.js';
import type { ShardSet } from './shard-set.js';
import type { StreamingNodeParts, StreamingNodeSettings } from './streaming-node-parts.js';

export class AgeSeal {
  readonly #parts: Pick<StreamingNodeParts, 'platform' | 'settings'>;
  readonly #shards: ShardSet;
  #timer: Timer | undefined;

  constructor(parts: Pick<StreamingNodeParts, 'platform' | 'settings'>, shards: ShardSet) {
    this.#parts = parts;
    this.#shards = shards;
  }

  start(): void {
    const { platform, settings } = this.#parts;
    this.#timer = platform.timers.after(settings.sealCheckIntervalMs, () => {
      // Spans are measured here, by the clock that never steps; the timestamps of records are the oracle's.
      const now = platform.clock.monotonic();
      this.#shards.forgetReleased();
      for (const open of this.#shards.written()) this.#sealDue(open, now);
      this.start();
    });
  }

  close(): void {
    this.#timer?.cancel();
  }

  #sealDue(open: OpenShard, nowMs: number): void {
    const { shard, physical } = open;
    const due = dueSegments(open, nowMs, this.#parts.settings);
    if (due === undefined) return;
    physical.submit(shard, { kind: 'seal', segmentIds: due }, 0).catch((error: unknown) =>
      this.#parts.platform.logger.warn('age_seal_failed', {
        vchannel: shard.channel.vchannel,
        reason: messageOf(error),
      }),
    );
  }
}

/** @returns the segments to seal; none of them when only deletes are due; undefined when nothing is */
function dueSegments(
  { shard }: OpenShard,
  nowMs: number,
  { idleSealMs, ageSealMs }: StreamingNodeSettings,
): readonly bigint[] | undefined {
  if (shard.failure !== undefined) return undefined;
  const due = [...shard.segments.values()].filter(
    (segment) =>
      segment.state === 'growing' &&
      (nowMs - segment.lastWriteMs >= idleSealMs || nowMs - segment.createdMs >= ageSealMs),
  );
  const [oldestDelete] = shard.deletes;
  const isDeleteDue = oldestDelete !== undefined && nowMs - oldestDelete.appliedMs >= idleSealMs;
  return due.length === 0 && !isDeleteDue ? undefined : due.map(({ id }) => id);
}
