// What clients ask of compactions, behind the proxy.
import { ElanusError } from '#base/errors.js';
import type { CompactionJob } from '#model/states/compaction-job.js';
import type { ChannelRegistryDefinition, CompactionPlanState } from '#proto/elanus/roles.js';
import type { Handlers } from '#rpc/service.js';
import type { Compactor } from './compactor.js';

type CompactionHandlers = Pick<Handlers<typeof ChannelRegistryDefinition>, 'compact' | 'compactionState'>;

export const compactionHandlers = (compactor: () => Compactor): CompactionHandlers => ({
  compact: async ({ compactionId, ...wanted }) => {
    const job = await compactor().force(wanted, compactionId);
    return { compactionId: job.id, planCount: job.plans.length };
  },
  compactionState: async ({ compactionId, collectionId }) => {
    const { jobs, watch } = compactor();
    if (collectionId !== 0n) {
      const plans = jobs.ofCollection(collectionId).flatMap((job) => planStates(job, watch));
      return { collectionId, plans };
    }
    const job = jobs.get(compactionId);
    if (job === undefined)
      throw new ElanusError(
        'invalid_parameter',
        `compaction ${compactionId} is not known: it was never begun, or a thousand ended after it; begin one`,
      );
    return { collectionId: job.collectionId, plans: planStates(job, watch) };
  },
});

function planStates(job: CompactionJob, watch: Compactor['watch']): CompactionPlanState[] {
  // It also runs while deletes of level zero go that nobody needs any more now: who reads that it is done finds nothing of before.
  const running = watch.running?.jobId === job.id ? watch.running.sources.join() : undefined;
  return job.plans.map((plan, at) => ({
    state: plan.sources.join() === running ? 'running' : plan.state,
    sources: [...plan.sources],
    targets: plan.state === 'done' ? [...plan.targets] : [],
    reason: plan.state === 'failed' ? plan.reason : '',
    compactionId: job.id,
    number: at + 1,
    collectionId: job.collectionId,
    partitionId: job.partitionId,
    vchannel: job.vchannel,
    kind: job.major ? 'major' : job.deletesOnly ? 'deletes' : 'merge',
  }));
}
