// Endpoints below resource_groups/. Configurations are written in the words of the protocol, as in Milvus.
import { z } from 'zod';
import { command, type Endpoint, endpoint } from '#server/rest/endpoint.js';
import { dbName, int64, name } from './shapes.js';

const limit = z.strictObject({ node_num: z.int() });
const transfer = z.array(z.strictObject({ resource_group: z.string() })).default([]);
const config = z.strictObject({
  requests: limit.optional(),
  limits: limit.optional(),
  transfer_from: transfer,
  transfer_to: transfer,
  node_filter: z.strictObject({ node_labels: z.record(z.string(), z.string()) }).optional(),
});
type Config = z.output<typeof config>;

const ofGroup = z.strictObject({ dbName, name });

const configOf = (given: Config) => ({
  requests: given.requests && { nodeNum: given.requests.node_num },
  limits: given.limits && { nodeNum: given.limits.node_num },
  transferFrom: given.transfer_from.map(({ resource_group }) => ({ resourceGroup: resource_group })),
  transferTo: given.transfer_to.map(({ resource_group }) => ({ resourceGroup: resource_group })),
  nodeFilter: given.node_filter && {
    nodeLabels: Object.entries(given.node_filter.node_labels).map(([key, value]) => ({ key, value })),
  },
});

export const resourceGroupEndpoints: readonly Endpoint[] = [
  command({
    path: 'resource_groups/create',
    summary: 'Creates a resource group.',
    body: ofGroup.extend({ config: config.optional() }),
    rpc: 'createResourceGroup',
    request: (body) => ({
      resourceGroup: body.name,
      config: body.config === undefined ? undefined : configOf(body.config),
    }),
  }),
  command({
    path: 'resource_groups/drop',
    summary: 'Drops a resource group.',
    body: ofGroup,
    rpc: 'dropResourceGroup',
    request: (body) => ({ resourceGroup: body.name }),
  }),
  command({
    path: 'resource_groups/alter',
    summary: 'Changes resource groups: several by name, or one.',
    body: z.strictObject({
      dbName,
      resource_groups: z.record(z.string(), config).optional(),
      name: z.string().optional(),
      config: config.optional(),
    }),
    rpc: 'updateResourceGroups',
    request: (body) => {
      const one = body.name !== undefined && body.config !== undefined ? { [body.name]: body.config } : {};
      const groups = Object.entries({ ...body.resource_groups, ...one });
      return { resourceGroups: Object.fromEntries(groups.map(([group, given]) => [group, configOf(given)])) };
    },
  }),
  endpoint({
    path: 'resource_groups/describe',
    summary: 'Nodes and configuration of a resource group.',
    body: ofGroup,
    calls: ['describeResourceGroup'],
    answer: async (body, call) => {
      const { resourceGroup: group } = await call.rpc('describeResourceGroup', { resourceGroup: body.name });
      return {
        name: group?.name ?? body.name,
        capacity: group?.capacity ?? 0,
        num_available_node: group?.numAvailableNode ?? 0,
        num_loaded_replica: group?.numLoadedReplica ?? {},
        num_outgoing_node: group?.numOutgoingNode ?? {},
        num_incoming_node: group?.numIncomingNode ?? {},
        config: {
          requests: { node_num: group?.config?.requests?.nodeNum ?? 0 },
          limits: { node_num: group?.config?.limits?.nodeNum ?? 0 },
        },
        nodes: (group?.nodes ?? []).map(({ nodeId, address, hostname }) => ({
          node_id: nodeId,
          address,
          hostname,
        })),
      };
    },
  }),
  endpoint({
    path: 'resource_groups/list',
    summary: 'Names of the resource groups.',
    body: z.strictObject({ dbName }),
    calls: ['listResourceGroups'],
    answer: async (_body, call) => (await call.rpc('listResourceGroups', {})).resourceGroups,
  }),
  command({
    path: 'resource_groups/transfer_replica',
    summary: 'Moves replicas of a collection to another resource group.',
    body: z.strictObject({
      dbName,
      sourceRgName: name,
      targetRgName: name,
      collectionName: name,
      replicaNum: int64,
    }),
    rpc: 'transferReplica',
    request: (body, call) => ({
      dbName: call.dbName,
      sourceResourceGroup: body.sourceRgName,
      targetResourceGroup: body.targetRgName,
      collectionName: body.collectionName,
      numReplica: body.replicaNum,
    }),
  }),
];
