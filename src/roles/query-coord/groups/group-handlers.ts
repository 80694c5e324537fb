// The calls about resource groups, as query-coord answers them.
import { ElanusError } from '#base/errors.js';
import type { QueryCoordDefinition, TransferReplicaRequest } from '#proto/elanus/roles.js';
import type { Handlers } from '#rpc/service.js';
import type { ResourceGroups } from './resource-groups.js';

type GroupMethod =
  | 'createResourceGroup'
  | 'updateResourceGroups'
  | 'dropResourceGroup'
  | 'transferNode'
  | 'transferReplica'
  | 'listResourceGroups'
  | 'describeResourceGroup';

/** @param regroup puts a loaded collection into another group, durably */
export const groupHandlers = (
  groups: () => ResourceGroups,
  regroup: (change: TransferReplicaRequest) => Promise<void>,
): Pick<Handlers<typeof QueryCoordDefinition>, GroupMethod> => ({
  createResourceGroup: async ({ resourceGroup, config }) => {
    await groups().create(resourceGroup, config);
    return {};
  },
  updateResourceGroups: async ({ resourceGroups }) => {
    await groups().update(resourceGroups);
    return {};
  },
  dropResourceGroup: async ({ resourceGroup }) => {
    await groups().drop(resourceGroup);
    return {};
  },
  transferNode: async ({ sourceResourceGroup, targetResourceGroup, numNode }) => {
    await groups().transferNode(sourceResourceGroup, targetResourceGroup, numNode);
    return {};
  },
  transferReplica: async (change) => {
    const { source, target, replicaNumber } = change;
    groups().checkKnown(source);
    groups().checkKnown(target);
    if (source === target)
      throw new ElanusError(
        'invalid_parameter',
        `source resource group and target resource group should not be the same, both are ${source}: invalid parameter`,
      );
    if (replicaNumber !== 1n)
      throw new ElanusError(
        'invalid_parameter',
        `transfer replica num should be 1, the number of replicas that a collection has here, but got ${replicaNumber}: invalid parameter`,
      );
    await groups().serving(target, () => regroup(change));
    return {};
  },
  listResourceGroups: async () => ({ resourceGroups: groups().names() }),
  describeResourceGroup: async ({ resourceGroup }) => ({
    resourceGroup: await groups().describe(resourceGroup),
  }),
});
