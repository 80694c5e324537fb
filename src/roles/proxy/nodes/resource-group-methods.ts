// Resource groups: query-coord keeps them; here a request becomes a call.
import { ElanusError } from '#base/errors.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

type ResourceGroupParts = Pick<ProxyParts, 'access' | 'queryCoord'>;

export class ResourceGroupMethods {
  readonly #parts: ResourceGroupParts;

  constructor(parts: ResourceGroupParts) {
    this.#parts = parts;
  }

  readonly createResourceGroup: PublicHandler<'createResourceGroup'> = async (request, context) => {
    await this.#parts.queryCoord.createResourceGroup(request, context);
    return {};
  };

  readonly updateResourceGroups: PublicHandler<'updateResourceGroups'> = async (request, context) => {
    if (Object.keys(request.resourceGroups).length === 0)
      throw new ElanusError(
        'invalid_parameter',
        'resource_groups should not be empty; send the groups to change with their configs: invalid parameter',
      );
    await this.#parts.queryCoord.updateResourceGroups(request, context);
    return {};
  };

  readonly dropResourceGroup: PublicHandler<'dropResourceGroup'> = async (request, context) => {
    await this.#parts.queryCoord.dropResourceGroup(request, context);
    return {};
  };

  readonly transferNode: PublicHandler<'transferNode'> = async (request, context) => {
    await this.#parts.queryCoord.transferNode(request, context);
    return {};
  };

  readonly transferReplica: PublicHandler<'transferReplica'> = async (request, context) => {
    const { record } = await this.#parts.access.open(request, context);
    const { sourceResourceGroup, targetResourceGroup, numReplica } = request;
    await this.#parts.queryCoord.transferReplica(
      {
        ...{ source: sourceResourceGroup, target: targetResourceGroup, replicaNumber: numReplica },
        collectionId: record.id,
      },
      context,
    );
    return {};
  };

  readonly listResourceGroups: PublicHandler<'listResourceGroups'> = async (request, context) => {
    const { resourceGroups } = await this.#parts.queryCoord.listResourceGroups(request, context);
    return { resourceGroups };
  };

  readonly describeResourceGroup: PublicHandler<'describeResourceGroup'> = async (request, context) => {
    const { resourceGroup } = await this.#parts.queryCoord.describeResourceGroup(request, context);
    return { resourceGroup };
  };
}
