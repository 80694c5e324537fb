// A proxy alone on simulated time: its public calls as messages, with handlers of the test in place of the other roles. A call to a role
// that the test gave no handler for fails.

import { changedUsers, initialUsers } from '#model/rights/users-record.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { providerSettings } from '#platform/providers/provider-settings.js';
import { Providers } from '#platform/providers/providers.js';
import type { CallContext } from '#platform/transport.js';
import { CollectionRecord } from '#proto/elanus/data.js';
import {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  StreamingNodeDefinition,
  UsersDefinition,
} from '#proto/elanus/roles.js';
import { ErrorCode } from '#proto/milvus/common.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { CollectionAccess } from '#roles/proxy/collection-access.js';
import { methodTable } from '#roles/proxy/methods.js';
import type { PublicMethod } from '#roles/proxy/proxy-parts.js';
import { grpcMethods, publicCalls } from '#roles/proxy/public-service.js';
import { Audit } from '#roles/proxy/users/audit.js';
import { openLogins } from '#roles/proxy/users/logins.js';
import {
  type Client,
  codec,
  type DeepPartial,
  type Handlers,
  inProcessClient,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from '#rpc/service.js';
import { anyNodes } from './role-nodes.js';

type Methods = (typeof MilvusServiceDefinition)['methods'];

export interface FakeRoles {
  readonly rootCoord?: Partial<Handlers<typeof RootCoordDefinition>>;
  readonly definitions?: Partial<Handlers<typeof DefinitionsDefinition>>;
  readonly dataCoord?: Partial<Handlers<typeof DataCoordDefinition>>;
  readonly channelRegistry?: Partial<Handlers<typeof ChannelRegistryDefinition>>;
  readonly queryCoord?: Partial<Handlers<typeof QueryCoordDefinition>>;
  readonly streamingNode?: Partial<Handlers<typeof StreamingNodeDefinition>>;
}

export const VCHANNELS = ['p0_1v0', 'p0_1v1'];
export const CALL_DEADLINE_MS = 2000;

export const schema = CollectionSchema.fromPartial({
  name: 'c',
  fields: [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    { fieldID: 101n, name: 'v', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '2' }] },
    { fieldID: 102n, name: 'n', dataType: DataType.Int64 },
  ],
});

/** Two shards, partitions `_default` (10) and `other` (11), nothing special. */
export const collectionRecord = (change: Partial<CollectionRecord> = {}): CollectionRecord => ({
  ...CollectionRecord.fromPartial({
    id: 1n,
    database: 'default',
    schema,
    vchannels: VCHANNELS,
    partitions: [
      { id: 10n, name: '_default' },
      { id: 11n, name: 'other' },
    ],
    indexes: [{ fieldId: 101n, name: 'v', indexType: 'FLAT', metricType: 'L2' }],
  }),
  ...change,
});

const clientOf = <D extends ServiceDefinition>(
  definition: D,
  handlers: Partial<Handlers<D>> = {},
): Client<D> => inProcessClient(definition, handlers as Handlers<D>);

/** Users as root-coord keeps them, without the store. */
function keptUsers(): Handlers<typeof UsersDefinition> {
  let [record, version] = [initialUsers, 0n];
  return {
    readUsers: async ({ knownVersion }) => (knownVersion === version ? { version } : { version, record }),
    changeUsers: async ({ change }) => {
      if (change !== undefined) record = changedUsers(record, change, { timestamp: 1n });
      version++;
      return {};
    },
  };
}

export function openProxyWorld(
  roles: FakeRoles,
  record: CollectionRecord = collectionRecord(),
  { auth = false }: { readonly auth?: boolean } = {},
) {
  const cluster = simulatedCluster(1);
  const platform = openMemoryPlatform({ cluster, host: 'proxy' });
  const peers = {
    rootCoord: clientOf(RootCoordDefinition, roles.rootCoord),
    definitions: clientOf(DefinitionsDefinition, {
      describeCollection: async () => ({ collection: record, databaseId: 5n }),
      listDatabases: async () => ({ databases: [] }),
      ...roles.definitions,
    }),
    dataCoord: clientOf(DataCoordDefinition, roles.dataCoord),
    channelRegistry: clientOf(ChannelRegistryDefinition, roles.channelRegistry),
    queryCoord: clientOf(QueryCoordDefinition, {
      loadState: async () => ({ known: true, progress: 100 }),
      ...roles.queryCoord,
    }),
    streamingNode: clientOf(StreamingNodeDefinition, roles.streamingNode),
    users: clientOf(UsersDefinition, keptUsers()),
  };
  const settings = {
    serverId: 3n,
    milvusVersion: 'v1',
    version: '0',
    callDeadlineMs: CALL_DEADLINE_MS,
    auth,
    health: { reasons: () => [] },
  };
  const access = new CollectionAccess({ ...peers, timers: platform.timers, clock: platform.clock });
  const logins = openLogins(platform, peers);
  const parts = {
    platform,
    definitions: peers.definitions,
    guard: auth ? { logins, audit: new Audit(platform), definitions: peers.definitions } : undefined,
    callDeadlineMs: CALL_DEADLINE_MS,
    explain: { ...peers, access },
    methods: methodTable({
      ...peers,
      platform,
      settings,
      access,
      logins,
      providers: new Providers(platform, providerSettings(undefined)),
      nodes: anyNodes,
    }),
  };
  const calls = publicCalls(parts);
  const pathOf = (method: PublicMethod): string =>
    `/${MilvusServiceDefinition.fullName}/${MilvusServiceDefinition.methods[method].name}`;
  const contextOf = (context: Partial<CallContext>): CallContext => ({
    signal: new AbortController().signal,
    metadata: {},
    ...context,
  });
  return {
    platform,
    world: cluster.world,
    /** What REST is given. */
    doors: { calls, access },
    /** Without a transport, as REST and the embedded API will call. */
    async call<Method extends PublicMethod>(
      method: Method,
      request: DeepPartial<RequestOf<Methods[Method]>>,
      context: Partial<CallContext> = {},
    ): Promise<ResponseOf<Methods[Method]>> {
      const { requestType, responseType } = MilvusServiceDefinition.methods[method];
      const call = calls.get(pathOf(method));
      if (call === undefined) throw new Error(`${method} is no unary call`);
      const answer = await cluster.world.runUntil(
        call(codec(requestType).fromPartial(request), contextOf(context)),
      );
      return codec(responseType).fromPartial(answer) as ResponseOf<Methods[Method]>;
    },
    /** As gRPC calls. */
    async wire<Method extends PublicMethod>(
      method: Method,
      request: Uint8Array,
      context: Partial<CallContext> = {},
    ): Promise<ResponseOf<Methods[Method]>> {
      const handler = grpcMethods(parts).get(pathOf(method));
      if (handler === undefined) throw new Error(`${method} is no unary call`);
      const bytes = await cluster.world.runUntil(handler(request, contextOf(context)));
      return codec(MilvusServiceDefinition.methods[method].responseType).decode(bytes) as ResponseOf<
        Methods[Method]
      >;
    },
  };
}

export const SUCCESS = { errorCode: ErrorCode.Success, code: 0, reason: '' };
