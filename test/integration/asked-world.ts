// What tests of refused requests share: two collections with ten rows each, any message sent as it stands, and a look whether a refused one
// left something behind.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect } from 'vitest';
import type { KeyValuePair } from '#proto/milvus/common.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { ServedMethod } from '#roles/proxy/request-fields.js';
import { connectRaw, type RawClient, unaryMethods } from './raw-client.js';
import { createLoaded, insertRange, openWorld, type World } from './support.js';

/** What a collection with a partition key says when partitions are named. */
export const KEY_MODE = 'partition key mode is used';

interface Codec {
  fromPartial(partial: object): object;
  encode(message: object): { finish(): Uint8Array };
}

export const codecOf = (method: ServedMethod): Codec =>
  MilvusServiceDefinition.methods[method].requestType as Codec;
export const pairs = (record: object): KeyValuePair[] =>
  Object.entries(record).map(([key, value]) => ({ key, value: String(value) }));

/** Opens, before the tests of the suite, `good` with a dynamic field and `keyed` with a partition key, and closes them after. */
export function useAskedWorld() {
  let world: World;
  let raw: RawClient;
  beforeAll(async () => {
    world = await openWorld('memory');
    raw = connectRaw(world.database.address);
    await createLoaded(world.client, 'good', {
      dynamic: true,
      fields: [{ name: 'age', data_type: DataType.Int64, nullable: true }],
    });
    await insertRange(world.client, 'good', 0, 10);
    await createLoaded(world.client, 'keyed', {
      fields: [{ name: 'tenant', data_type: DataType.Int64, is_partition_key: true }],
    });
    await insertRange(world.client, 'keyed', 0, 10, (id) => ({ tenant: id }));
  });
  afterAll(async () => {
    raw.close();
    await world.close();
  });
  /** Sends the message as it stands. */
  const call = (method: ServedMethod, request: object): Promise<Uint8Array> => {
    const codec = codecOf(method);
    const message = codec.encode(codec.fromPartial(request)).finish();
    return raw.call(MilvusServiceDefinition.methods[method].name, message);
  };
  async function statusOf(method: ServedMethod, request: object) {
    const { name } = MilvusServiceDefinition.methods[method];
    const answer = await call(method, request);
    return unaryMethods.find((one) => one.name === name)?.statusOf(answer);
  }
  /** Both collections have their rows, and no other was made. */
  const nothingChanged = async (): Promise<void> => {
    for (const name of ['good', 'keyed'])
      expect((await world.client.count({ collection_name: name })).data).toBe(10);
    expect((await world.client.hasCollection({ collection_name: 'fresh' })).value).toBe(false);
  };
  return {
    get client(): MilvusClient {
      return world.client;
    },
    call,
    statusOf,
    nothingChanged,
  };
}
