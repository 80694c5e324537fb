// Whom root-coord calls besides data-coord's six (they go through the broker), each by the role's service interface.
import type {
  ChannelRegistryDefinition,
  DataNodeDefinition,
  QueryCoordDefinition,
} from '#proto/elanus/roles.js';
import type { RoleNodes } from '#rpc/role-nodes.js';
import type { Client } from '#rpc/service.js';

export interface RootCoordPeers {
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly queryCoord: Client<typeof QueryCoordDefinition>;
  readonly dataNode: Client<typeof DataNodeDefinition>;
  readonly nodes: Pick<RoleNodes, 'asked'>;
}
