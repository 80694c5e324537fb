// Whom data-coord calls, each by the role's service interface: in this process or in another.
import type {
  DataNodeDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { RoleNodes } from '#rpc/role-nodes.js';
import type { Client } from '#rpc/service.js';

export interface DataCoordPeers {
  readonly definitions: Client<typeof DefinitionsDefinition>;
  readonly rootCoord: Client<typeof RootCoordDefinition>;
  readonly streamingNode: Client<typeof StreamingNodeDefinition>;
  readonly queryCoord: Client<typeof QueryCoordDefinition>;
  readonly dataNode: Client<typeof DataNodeDefinition>;
  readonly nodes: Pick<RoleNodes, 'asked' | 'isAway' | 'of'>;
}
