// Whom query-coord calls.
import type {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  QueryNodeDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { RoleNodes } from '#rpc/role-nodes.js';
import type { Client } from '#rpc/service.js';

export interface QueryCoordPeers {
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly definitions: Client<typeof DefinitionsDefinition>;
  readonly rootCoord: Client<typeof RootCoordDefinition>;
  readonly streamingNode: Client<typeof StreamingNodeDefinition>;
  readonly queryNode: Client<typeof QueryNodeDefinition>;
  readonly nodes: RoleNodes;
}
