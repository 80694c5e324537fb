// What a streaming-node is built of: whom it calls, its settings, and the platform it runs on.

import type { LogStore } from '#platform/log.js';
import type { Platform } from '#platform/platform.js';
import type {
  ChannelRegistryDefinition,
  QueryCoordDefinition,
  QueryNodeDefinition,
} from '#proto/elanus/roles.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { CollectionSchema } from '#proto/milvus/schema.js';
import type { Client } from '#rpc/service.js';
import type { HasRoom } from '#segment/kept/kept-total.js';
import type { OracleTime } from './oracle-time.js';
import type { ShardSettings } from './shard-parts.js';

export interface StreamingNodePeers {
  readonly rootCoord: Client<typeof RootCoordDefinition>;
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly queryCoord: Client<typeof QueryCoordDefinition>;
  readonly queryNode: Client<typeof QueryNodeDefinition>;
}

export interface StreamingNodeSettings extends ShardSettings {
  readonly serverId: bigint;
  readonly logFileBytesMax: number;
  /** A segment with no write for this long is sealed, in ms. */
  readonly idleSealMs: number;
  /** A segment this old is sealed, in ms. */
  readonly ageSealMs: number;
  readonly sealCheckIntervalMs: number;
  /** Rows in growing segments, all shards together, before writers are refused. */
  readonly growingBytesMax: number;
}

/** What the parts of one node share. */
export interface StreamingNodeParts {
  readonly platform: Platform;
  readonly logs: LogStore;
  readonly settings: StreamingNodeSettings;
  readonly peers: StreamingNodePeers;
  readonly time: OracleTime;
  readonly allocateIds: (count: number) => Promise<bigint>;
  readonly hasRoom: HasRoom;
  /** The schema of a collection as root-coord has it now. @throws collection_not_found */
  readonly describe: (collectionId: bigint) => Promise<CollectionSchema>;
}
