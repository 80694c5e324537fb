// What clients ask of compactions, behind the proxy.
import { ElanusError } from '#base/errors.js';
import type { ChannelRegistryDefinition } from '#proto/elanus/roles.js';
import type { Handlers } from '#rpc/service.js';
import type { Compactor } from './compactor.js';

type CompactionHandlers = Pick<Handlers<typeof ChannelRegistryDefinition>, 'compact' | 'compactionState'>;

export const compactionHandlers = (compactor: () => Compactor): CompactionHandlers => ({
  compact: async (wanted) => {
    const job = await compactor().force(wanted);
    return { compactionId: job.id, planCount: job.plans.length };
  },
  compactionState: async ({ compactionId }) => {
    const { jobs, watch } = compactor();
    const job = jobs.get(compactionId);
    if (job === undefined)
      throw new ElanusError(
        'invalid_parameter',
        `compaction ${compactionId} is not known: it was never begun, or a thousand ended after it; begin one`,
      );
    // It also runs while deletes of level zero go that nobody needs any more now: who reads that it is done finds nothing of before.
    const running = watch.running?.jobId === job.id ? watch.running.sources.join() : undefined;
    const plans = job.plans.map((plan) => ({
      state: plan.sources.join() === running ? 'running' : plan.state,
      sources: [...plan.sources],
      targets: plan.state === 'done' ? [...plan.targets] : [],
      reason: plan.state === 'failed' ? plan.reason : '',
    }));
    return { collectionId: job.collectionId, plans };
  },
});
