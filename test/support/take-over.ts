// Clusters of simulated processes whose coordinator dies, stands still over what it reads, or is replaced.
import { deferred } from '#base/async.js';
import type { MemoryPlatform, SimulatedCluster } from '#platform/memory/memory-platform.js';
import { MemoryTransport } from '#platform/memory/memory-transport.js';
import type { MetaStore } from '#platform/meta-store.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { CollectionSchema, DataType } from '#proto/milvus/schema.js';
import { type RoleName, roleNames } from '#rpc/role-names.js';
import { type Client, remoteClient } from '#rpc/service.js';
import { type Config, defaultConfig } from '#server/config.js';

export const coordinators: readonly RoleName[] = ['root-coord', 'data-coord', 'query-coord'];
export const workers = roleNames.filter((role) => !coordinators.includes(role));
const PORT = 7000;

export const configOf = (host: string, roles: readonly RoleName[]): Config => ({
  ...defaultConfig,
  ...{ roles: roleNames.filter((role) => roles.includes(role)), host, internalHost: host },
  internalPort: PORT,
  sessions: { ttlMs: 2400, exclusiveRoles: coordinators },
});

/** What is read below the prefix waits until it is let go. */
export function held(
  store: MetaStore,
  prefix: string,
): { readonly store: MetaStore; readonly letGo: () => void } {
  const gate = deferred<void>();
  return {
    letGo: () => gate.resolve(),
    store: {
      get: (key) => store.get(key),
      range: async (of) => {
        if (of.startsWith(prefix)) await gate.promise;
        return store.range(of);
      },
      transact: (compares, operations) => store.transact(compares, operations),
      watch: (of, onEvent) => store.watch(of, onEvent),
    },
  };
}

export function clientOf({ network }: SimulatedCluster): Client<typeof MilvusServiceDefinition> {
  const connection = new MemoryTransport(network, 'client').connect('work:19530');
  return remoteClient(MilvusServiceDefinition, (path, request, context) =>
    connection.call(path, request, { ...context, deadlineMs: network.world.clock.now() + 30_000 }),
  );
}

export const schemaOf = (name: string): Uint8Array =>
  CollectionSchema.encode(
    CollectionSchema.fromPartial({
      name,
      fields: [
        { name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
        { name: 'vec', dataType: DataType.FloatVector, typeParams: [{ key: 'dim', value: '4' }] },
      ],
    }),
  ).finish();

export async function makeCollection(
  client: ReturnType<typeof clientOf>,
  collectionName: string,
): Promise<void> {
  await client.createCollection({ collectionName, schema: schemaOf(collectionName) });
  const params = Object.entries({ index_type: 'FLAT', metric_type: 'L2' });
  const extraParams = params.map(([key, value]) => ({ key, value }));
  await client.createIndex({ collectionName, fieldName: 'vec', extraParams });
}

/** The process dies over the next change of a record with such a key once it is due: the change is made and not answered, or not made. */
export function dyingAt(
  platform: MemoryPlatform,
  key: RegExp,
  due: { is: boolean },
  when: 'before' | 'after' = 'after',
): MemoryPlatform {
  const { metaStore } = platform;
  const transact: MetaStore['transact'] = async (compares, operations) => {
    const isMeant = due.is && operations.some((one) => one.kind === 'put' && key.test(one.key));
    if (!isMeant) return metaStore.transact(compares, operations);
    due.is = false;
    if (when === 'after') await metaStore.transact(compares, operations);
    platform.crash();
    return new Promise(() => {});
  };
  return { ...platform, metaStore: { ...held(metaStore, 'none').store, transact } };
}
