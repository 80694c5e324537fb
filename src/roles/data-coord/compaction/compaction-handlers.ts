// What clients ask of compactions, behind the proxy.
import { ElanusError } from '#base/errors.js';
import type { ChannelRegistryDefinition } from '#proto/elanus/roles.js';
import type { Handlers } from '#rpc/service.js';
import type { Compactor } from './compactor.js';

type CompactionHandlers = Pick<Handlers<typeof ChannelRegistryDefinition>, 'compact' | 'compactionState'>;

export const compactionHandlers = (compactor: () => Compactor): CompactionHandlers => ({
  compact: async ({ targetBytes, ...wanted }) => {
    const job = await compactor().force({ ...wanted, targetBytes: Number(targetBytes) });
    return { compactionId: job.id, planCount: job.plans.length };
  },
  compactionState: async ({ compactionId }) => {
    const job = compactor().job(compactionId);
    if (job === undefined)
      throw new ElanusError(
        'invalid_parameter',
        `compaction ${compactionId} is not known: it ended with the server that ran it, or was never begun; begin one`,
      );
    const plans = job.plans.map(({ state, sources, targets, reason }) => ({
      ...{ state, reason },
      sources: [...sources],
      targets: [...targets],
    }));
    return { collectionId: job.collectionId, plans };
  },
});
