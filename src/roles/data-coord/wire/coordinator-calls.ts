// What every coordinator answers to tools, and compactions as Milvus's own service names them.

import { isOpen, plansAnswer, stateOf } from '#model/states/compaction-answer.js';
import type { CallContext } from '#platform/transport.js';
import type { CompactionPlanState } from '#proto/elanus/roles.js';
import { StateCode } from '#proto/milvus/common.js';
import type { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { compactionHandlers } from '#roles/data-coord/compaction/compaction-handlers.js';
import type { CompactionSettings, Compactor } from '#roles/data-coord/compaction/compactor.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import { configurations } from '#rpc/configurations.js';
import type { Handlers } from '#rpc/service.js';

type CoordinatorCalls = Pick<
  Handlers<typeof DataCoordDefinition>,
  | 'getComponentStates'
  | 'showConfigurations'
  | 'checkHealth'
  | 'manualCompaction'
  | 'getCompactionState'
  | 'getCompactionStateWithPlans'
>;

export interface CoordinatorCallsParts {
  readonly catalog: DataCatalog;
  readonly settings: CompactionSettings & { readonly serverId: bigint; readonly garbageIntervalMs: number };
  readonly compactor: () => Compactor;
}

const SHOWN = ['autoCompaction', 'compactedBytesMax', 'compactionDelayMs', 'garbageIntervalMs'] as const;

export function coordinatorCalls({ catalog, settings, compactor }: CoordinatorCallsParts): CoordinatorCalls {
  const { compact, compactionState } = compactionHandlers(compactor);
  const plansOf = async (compactionId: bigint, context: CallContext): Promise<CompactionPlanState[]> =>
    (await compactionState({ compactionId, collectionId: 0n }, context)).plans as CompactionPlanState[];
  return {
    getComponentStates: async () => ({
      state: { nodeID: settings.serverId, role: 'datacoord', stateCode: StateCode.Healthy },
    }),
    showConfigurations: async ({ pattern }) => ({
      configuations: configurations('dataCoord', settings, SHOWN, pattern),
    }),
    checkHealth: async () => {
      const unowned = [...catalog.channels.values()].filter(({ state }) => state === 'unowned');
      const reasons = unowned.map(({ vchannel }) => `channel ${vchannel} has no owner yet`);
      return { isHealthy: reasons.length === 0, reasons };
    },
    manualCompaction: async (request, context) => {
      const { compactionId, planCount } = await compact(
        {
          collectionId: request.collectionID,
          targetBytes: request.targetSize << 20n,
          major: request.majorCompaction,
          partitionId: request.partitionId > 0n ? request.partitionId : 0n,
          vchannel: request.channel,
          segmentIds: request.segmentIds,
          compactionId: 0n,
          deletesOnly: request.l0Compaction,
        },
        context,
      );
      return { compactionID: compactionId, compactionPlanCount: planCount };
    },
    getCompactionState: async ({ compactionID }, context) => {
      const plans = await plansOf(compactionID, context);
      const countOf = (isCounted: (plan: CompactionPlanState) => boolean) =>
        BigInt(plans.filter(isCounted).length);
      return {
        state: stateOf(plans),
        executingPlanNo: countOf(isOpen),
        completedPlanNo: countOf(({ state }) => state === 'done'),
        failedPlanNo: countOf(({ state }) => state === 'failed'),
      };
    },
    getCompactionStateWithPlans: async ({ compactionID, collectionId }, context) => {
      const { plans } = await compactionState({ compactionId: compactionID, collectionId }, context);
      return plansAnswer(plans as CompactionPlanState[]);
    },
  };
}
