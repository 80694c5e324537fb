// Compactions that clients ask for: begun at data-coord, and followed there.
import { ElanusError } from '#base/errors.js';
import { isOpen, plansAnswer, stateOf } from '#model/states/compaction-answer.js';
import type { CallContext } from '#platform/transport.js';
import type { CompactionPlanState } from '#proto/elanus/roles.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

type CompactionParts = Pick<ProxyParts, 'access' | 'channelRegistry' | 'rootCoord'>;

/** A segment is held in memory, of which WASM has so much. */
const TARGET_MB_MAX = 4096n;
/** From here on a size in bytes is no int64: clients ask the server to choose by such sizes. */
const TARGET_MB_OURS = (2n ** 63n - 1n) >> 20n;
/** Twice a usual segment: fewer of them, and a new one still loads beside those that it replaces. */
const TARGET_MB_CHOSEN = 1024n;

export class CompactionMethods {
  readonly #parts: CompactionParts;

  constructor(parts: CompactionParts) {
    this.#parts = parts;
  }

  readonly manualCompaction: PublicHandler<'manualCompaction'> = async (request, context) => {
    const { access, channelRegistry, rootCoord } = this.#parts;
    const { record } = await access.open(request, context);
    const { targetSize, partitionId, channel, segmentIds } = request;
    const targetMb = targetSize >= TARGET_MB_OURS ? TARGET_MB_CHOSEN : targetSize;
    if (targetMb < 0n || targetMb > TARGET_MB_MAX)
      throw new ElanusError(
        'invalid_parameter',
        `targetSize ${targetSize} MB: expected 0, at most ${TARGET_MB_MAX} MB, or at least ${TARGET_MB_OURS} to let the server choose: invalid parameter`,
      );
    if (partitionId > 0n && !record.partitions.some(({ id }) => id === partitionId))
      throw new ElanusError(
        'partition_not_found',
        `partition not found[partition=${partitionId}]; describe the collection for its partitions`,
      );
    const { ID } = await rootCoord.allocID({ count: 1 }, context);
    const { compactionId, planCount } = await channelRegistry.compact(
      {
        compactionId: ID,
        collectionId: record.id,
        targetBytes: targetMb << 20n,
        major: request.majorCompaction,
        deletesOnly: request.l0Compaction,
        partitionId: partitionId > 0n ? partitionId : 0n,
        vchannel: channel,
        segmentIds,
      },
      context,
    );
    return { compactionID: compactionId, compactionPlanCount: planCount };
  };

  readonly getCompactionState: PublicHandler<'getCompactionState'> = async ({ compactionID }, context) => {
    const plans = await this.#plans(compactionID, context);
    const countOf = (isCounted: (plan: CompactionPlanState) => boolean): bigint =>
      BigInt(plans.filter(isCounted).length);
    return {
      state: stateOf(plans),
      executingPlanNo: countOf(isOpen),
      timeoutPlanNo: 0n,
      completedPlanNo: countOf(({ state }) => state === 'done'),
      failedPlanNo: countOf(({ state }) => state === 'failed'),
    };
  };

  readonly getCompactionStateWithPlans: PublicHandler<'getCompactionStateWithPlans'> = async (
    request,
    context,
  ) => {
    const { access, channelRegistry } = this.#parts;
    const wanted =
      request.collectionName === ''
        ? { compactionId: request.compactionID }
        : { collectionId: (await access.open(request, context)).record.id };
    return plansAnswer((await channelRegistry.compactionState(wanted, context)).plans);
  };

  async #plans(compactionId: bigint, context: CallContext): Promise<readonly CompactionPlanState[]> {
    return (await this.#parts.channelRegistry.compactionState({ compactionId }, context)).plans;
  }
}
