// The calls about resource groups, as query-coord answers them.
import { ElanusError } from '#base/errors.js';
import type { CallContext } from '#platform/transport.js';
import type { QueryCoordDefinition, TransferReplicaRequest } from '#proto/elanus/roles.js';
import type { Handlers } from '#rpc/service.js';
import type { Receipt, Receipts } from '#rpc/sessions/receipts.js';
import type { ResourceGroups } from './resource-groups.js';

type GroupMethod =
  | 'createResourceGroup'
  | 'updateResourceGroups'
  | 'dropResourceGroup'
  | 'transferNode'
  | 'transferReplica'
  | 'listResourceGroups'
  | 'describeResourceGroup';

interface GroupHandlersParts {
  readonly groups: ResourceGroups;
  readonly receipts: Receipts;
  /** Puts a loaded collection into another group, durably. */
  readonly regroup: (change: TransferReplicaRequest, receipt: Receipt) => Promise<void>;
}

export function groupHandlers(
  parts: () => GroupHandlersParts,
): Pick<Handlers<typeof QueryCoordDefinition>, GroupMethod> {
  const groups = (): ResourceGroups => parts().groups;
  const once =
    <Request>(method: GroupMethod, change: (request: Request, receipt: Receipt) => Promise<void>) =>
    async (request: Request, context: CallContext): Promise<object> => {
      await parts().receipts.once(context, method, (receipt) => change(request, receipt));
      return {};
    };
  return {
    createResourceGroup: once('createResourceGroup', ({ resourceGroup, config }, receipt) =>
      groups().create(resourceGroup, config, receipt),
    ),
    updateResourceGroups: once('updateResourceGroups', ({ resourceGroups }, receipt) =>
      groups().update(resourceGroups, receipt),
    ),
    dropResourceGroup: once('dropResourceGroup', ({ resourceGroup }, receipt) =>
      groups().drop(resourceGroup, receipt),
    ),
    transferNode: once('transferNode', ({ sourceResourceGroup, targetResourceGroup, numNode }, receipt) =>
      groups().transferNode({ from: sourceResourceGroup, to: targetResourceGroup, count: numNode }, receipt),
    ),
    transferReplica: once('transferReplica', (change, receipt) => transferReplica(parts(), change, receipt)),
    listResourceGroups: async () => ({ resourceGroups: groups().names() }),
    describeResourceGroup: async ({ resourceGroup }) => ({
      resourceGroup: await groups().describe(resourceGroup),
    }),
  };
}

async function transferReplica(
  { groups, regroup }: GroupHandlersParts,
  change: TransferReplicaRequest,
  receipt: Receipt,
): Promise<void> {
  const { source, target, replicaNumber } = change;
  groups.checkKnown(source);
  groups.checkKnown(target);
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
  await groups.serving(target, () => regroup(change, receipt));
}
