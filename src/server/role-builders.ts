// Builds the roles of one process, in the order of need, and starts them when all are built. What a role needs from another it waits for,
// with a deadline, so that roles may also run in different processes.
import {
  ChannelRegistryDefinition,
  DataNodeDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
  UsersDefinition,
} from '#proto/elanus/roles.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { DataCoord } from '#roles/data-coord/data-coord.js';
import { DataNode } from '#roles/data-node/data-node.js';
import { QueryCoord } from '#roles/query-coord/query-coord.js';
import { QueryNode } from '#roles/query-node/query-node.js';
import { RootCoord } from '#roles/root-coord/root-coord.js';
import { StreamingNode } from '#roles/streaming-node/streaming-node.js';
import type { RoleName } from '#rpc/role-names.js';
import type { NodeParts } from './node-parts.js';

/** What the process does with a role beyond serving its calls. */
export interface BuiltRole {
  readonly start?: () => Promise<void> | void;
  /** Gives index builds up that run, and begins none any more. */
  readonly stopBuilding?: () => void;
  /** Writes rows to files that only the log holds. */
  readonly flush?: (signal: AbortSignal) => Promise<void>;
}

/** All but the proxy, which is in front of them and has the public listener. */
type InnerRole = Exclude<RoleName, 'proxy'>;
export type BuiltRoles = ReadonlyMap<InnerRole, BuiltRole>;

const builders = {
  'root-coord': buildRootCoord,
  'data-coord': buildDataCoord,
  'query-node': buildQueryNode,
  'data-node': buildDataNode,
  'streaming-node': buildStreamingNode,
  'query-coord': buildQueryCoord,
} satisfies Record<InnerRole, (parts: NodeParts) => BuiltRole | Promise<BuiltRole>>;

const buildOrder: readonly InnerRole[] = [
  'root-coord',
  'data-coord',
  'query-node',
  'data-node',
  'streaming-node',
  'query-coord',
];

/** RootCoord is last: it finishes interrupted drops, which waits for other roles; their start must not wait for it. */
const startOrder: readonly InnerRole[] = ['streaming-node', 'data-coord', 'query-coord', 'root-coord'];

/** Builds the roles that run here; each serves its calls from then on, and is added to what closes at the end. */
export async function buildRoles(parts: NodeParts): Promise<BuiltRoles> {
  const built = new Map<InnerRole, BuiltRole>();
  for (const role of buildOrder)
    if (parts.config.roles.includes(role)) built.set(role, await builders[role](parts));
  return built;
}

/** One after the other, with the internal listener open: they may need roles of other processes that wait for ours. */
export async function startRoles(built: BuiltRoles): Promise<void> {
  for (const role of startOrder) await built.get(role)?.start?.();
}

async function buildRootCoord(parts: NodeParts): Promise<BuiltRole> {
  const { config, serverId, peers, closers } = parts;
  const platform = await parts.platformOf('root-coord');
  const rootCoord = await RootCoord.open(platform, { ...config, serverId }, peers);
  rootCoord.setDataCoord(peers.dataCoord);
  parts.serve(RootCoordDefinition, rootCoord.rootCoordHandlers);
  parts.serve(DefinitionsDefinition, rootCoord.definitionHandlers);
  parts.serve(UsersDefinition, rootCoord.usersHandlers);
  parts.setHealthy('root-coord');
  closers.add(
    'root-coord',
    () => rootCoord.close(),
    () => rootCoord.underWay,
  );
  return { start: () => rootCoord.start(), stopBuilding: () => rootCoord.stopBuilding() };
}

async function buildDataCoord(parts: NodeParts): Promise<BuiltRole> {
  const { config, serverId, peers, closers } = parts;
  const platform = await parts.platformOf('data-coord');
  const dataCoord = await DataCoord.open(platform, { ...config, serverId }, peers);
  parts.serve(DataCoordDefinition, dataCoord.dataCoordHandlers);
  parts.serve(ChannelRegistryDefinition, dataCoord.channelRegistryHandlers);
  parts.setHealthy('data-coord');
  closers.add(
    'data-coord',
    () => dataCoord.close(),
    () => dataCoord.underWay,
  );
  return { start: () => dataCoord.start() };
}

function buildQueryNode(parts: NodeParts): BuiltRole {
  const queryNode = new QueryNode(parts.platform, parts.memory, parts.config);
  parts.serve(QueryNodeDefinition, queryNode.handlers);
  parts.setHealthy('query-node');
  parts.closers.add('query-node', () => queryNode.close());
  return {};
}

function buildDataNode(parts: NodeParts): BuiltRole {
  parts.serve(DataNodeDefinition, new DataNode(parts.platform, parts.peers, parts.providers).handlers);
  parts.setHealthy('data-node');
  return {};
}

/** Without them no row comes to a file. */
const coordinators: readonly RoleName[] = ['root-coord', 'data-coord'];

/** Healthy once it has started: before that its channels are not open. */
async function buildStreamingNode(parts: NodeParts): Promise<BuiltRole> {
  const { config, serverId, peers, memory, closers } = parts;
  const platform = await parts.platformOf('streaming-node');
  const node = new StreamingNode(platform, { ...config, serverId }, peers, memory);
  parts.serve(StreamingNodeDefinition, node.handlers);
  closers.add('streaming-node', () => node.close());
  return {
    start: async () => {
      await node.start();
      parts.setHealthy('streaming-node');
    },
    flush: async (signal) => {
      const away = coordinators.filter((role) => parts.directory.isAway(role));
      // Nobody gives times or takes files: what grows stays in the log.
      if (away.length > 0) platform.logger.info('flush_left_to_next_start', { away: away.join(', ') });
      else await node.flushAll(signal);
    },
  };
}

async function buildQueryCoord(parts: NodeParts): Promise<BuiltRole> {
  const { config, peers, closers } = parts;
  const platform = await parts.platformOf('query-coord');
  const queryCoord = await QueryCoord.open(platform, config, peers);
  parts.serve(QueryCoordDefinition, queryCoord.handlers);
  parts.setHealthy('query-coord');
  closers.add('query-coord', () => queryCoord.close());
  return { start: () => queryCoord.start() };
}
