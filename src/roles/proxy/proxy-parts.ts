// What the methods of the proxy are made from, and how their handlers are written. Each area takes the parts that it needs.
import type { Platform } from '#platform/platform.js';
import type { Providers } from '#platform/providers/providers.js';
import type { CallContext } from '#platform/transport.js';
import type {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  StreamingNodeDefinition,
  UsersDefinition,
} from '#proto/elanus/roles.js';
import type { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import type { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { Logins } from '#roles/proxy/users/logins.js';
import type { RoleNodes } from '#rpc/role-nodes.js';
import type { Client, Handlers } from '#rpc/service.js';
import type { CollectionAccess } from './collection-access.js';

export interface ProxyPeers {
  readonly rootCoord: Client<typeof RootCoordDefinition>;
  readonly definitions: Client<typeof DefinitionsDefinition>;
  readonly users: Client<typeof UsersDefinition>;
  readonly dataCoord: Client<typeof DataCoordDefinition>;
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly queryCoord: Client<typeof QueryCoordDefinition>;
  readonly streamingNode: Client<typeof StreamingNodeDefinition>;
  readonly nodes: RoleNodes;
}

export interface ProxySettings {
  readonly serverId: bigint;
  /** What clients read as the server's version. */
  readonly milvusVersion: string;
  readonly version: string;
  /** What a call gets whose caller gave no deadline, in ms. */
  readonly callDeadlineMs: number;
  /** Whether callers have to show who they are. */
  readonly auth: boolean;
  readonly health: { reasons(): readonly string[] };
}

export interface ProxyParts extends ProxyPeers {
  readonly platform: Platform;
  readonly settings: ProxySettings;
  readonly access: CollectionAccess;
  readonly logins: Logins;
  /** The services outside that functions ask. */
  readonly providers: Providers;
}

type PublicHandlers = Handlers<typeof MilvusServiceDefinition>;
export type PublicMethod = keyof PublicHandlers;

/**
 * How one method of the public service is written: a typed request in, a typed answer out, ElanusError for everything that goes wrong.
 * Whether the call came as gRPC or another way is the matter of public-service.ts.
 */
export type PublicHandler<Method extends PublicMethod> = PublicHandlers[Method];

/** A method that is known and not built, with the name of what is missing for it, and what its caller can do instead. */
export interface NotBuilt {
  readonly missing: string;
  readonly instead: string;
}

/** When the call must have been answered, in wall-clock ms: the chain of the service gives a deadline to every call that came without. */
export function deadlineOf(
  context: CallContext,
  {
    platform,
    settings,
  }: Pick<ProxyParts, 'platform'> & { readonly settings: Pick<ProxySettings, 'callDeadlineMs'> },
): number {
  return context.deadlineMs ?? platform.clock.now() + settings.callDeadlineMs;
}
