// What a resource group may be: names, and numbers of nodes that agree with each other. Rules and codes are those of Milvus.
import { ElanusError } from '#base/errors.js';
import { DEFAULT_RESOURCE_GROUP } from '#model/schema/properties.js';
import { ResourceGroupConfig } from '#proto/milvus/rg.js';
import type { ResourceGroup } from './group-nodes.js';

export const RESOURCE_GROUPS_MAX = 1024;
const NODES_MAX = 1_000_000;
const NAME_LENGTH_MAX = 255;

/** The group that is always there, created before all others; every node that nobody requests is in it. */
export const defaultGroup: ResourceGroup = {
  name: DEFAULT_RESOURCE_GROUP,
  config: ResourceGroupConfig.fromPartial({ requests: { nodeNum: 0 }, limits: { nodeNum: NODES_MAX } }),
  created: 0n,
};

/** What clients read as the capacity: the nodes that are requested, for the default group all that there can be. */
export const capacityOf = ({ name, config }: ResourceGroup): number =>
  name === DEFAULT_RESOURCE_GROUP ? NODES_MAX : (config.requests?.nodeNum ?? 0);

/** @throws invalid_parameter */
export function checkGroupName(name: string): void {
  const refuse = (rule: string): never => {
    throw new ElanusError(
      'invalid_parameter',
      `Invalid resource group name ${name.slice(0, NAME_LENGTH_MAX + 1)}. ${rule}: invalid parameter`,
    );
  };
  if (name === '') refuse('resource group name cannot be empty');
  if (name.length > NAME_LENGTH_MAX)
    refuse(`The length of a resource group name must be less than ${NAME_LENGTH_MAX} characters`);
  if (!/^[A-Za-z_]/.test(name))
    refuse('The first character of a resource group name must be an underscore or letter');
  if (!/^\w+$/.test(name)) refuse('Resource group name can only contain numbers, letters and underscores');
}

/**
 * The whole config: without one, a group that requests no node and may have none.
 * @param known whether a group of this name is there
 * @throws resource_group_config, resource_group_not_found
 */
export function checkedConfig(
  name: string,
  config: ResourceGroupConfig | undefined,
  known: (name: string) => boolean,
): ResourceGroupConfig {
  if (config === undefined)
    return ResourceGroupConfig.fromPartial({ requests: { nodeNum: 0 }, limits: { nodeNum: 0 } });
  const refuse = (text: string): never => {
    throw new ElanusError('resource_group_config', `resource group config illegal[rg=${name}]: ${text}`);
  };
  const { requests, limits } = config;
  if (requests === undefined || limits === undefined)
    return refuse('requests or limits is required; send both with node_num');
  if (requests.nodeNum < 0 || limits.nodeNum < 0)
    refuse(
      `node num in requests and limits should not be less than 0, got ${requests.nodeNum} and ${limits.nodeNum}`,
    );
  if (limits.nodeNum < requests.nodeNum)
    refuse(`limits node num ${limits.nodeNum} should not be less than requests node num ${requests.nodeNum}`);
  if (limits.nodeNum > NODES_MAX)
    refuse(`limits node num should be at most ${NODES_MAX}, got ${limits.nodeNum}`);
  for (const [field, transfers] of [
    ['transfer_from', config.transferFrom],
    ['transfer_to', config.transferTo],
  ] as const)
    for (const { resourceGroup } of transfers) {
      if (resourceGroup === name) refuse(`resource group in \`${field}\` ${name} should not be itself`);
      if (!known(resourceGroup)) refuse(`resource group in \`${field}\` ${resourceGroup} not exist`);
    }
  return config;
}

/** Messages of one codec: their keys are in one order. */
export const isSameConfig = (a: ResourceGroupConfig, b: ResourceGroupConfig): boolean =>
  JSON.stringify(ResourceGroupConfig.fromPartial(a)) === JSON.stringify(ResourceGroupConfig.fromPartial(b));
