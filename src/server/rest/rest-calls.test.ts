// A REST call against a whole proxy: how often it asks for the definition that it is read by.
import { expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import type { AppendRequest } from '#proto/elanus/roles.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { collectionRecord, openProxyWorld } from '../../../test/support/proxy-world.js';
import { RestService } from './rest-service.js';

function openRest(append: (sent: AppendRequest) => Promise<{ timestamp: bigint }>) {
  const asked: string[] = [];
  let record = collectionRecord();
  const { world, platform, doors } = openProxyWorld({
    rootCoord: { allocTimestamp: async () => ({ timestamp: 99n }) },
    definitions: {
      describeCollection: async ({ name }) => {
        asked.push(name);
        return { collection: record, databaseId: 5n };
      },
    },
    streamingNode: { append },
  });
  const { clock, logger } = platform;
  const settings = { corsOrigins: [], restV1: true, version: '1' };
  const service = new RestService({ ...doors, gate: undefined, clock, logger, settings });
  const ask = async (path: string, body: object) => {
    const response = await world.runUntil(
      service.answer({
        method: 'POST',
        path,
        headers: {},
        body: new TextEncoder().encode(JSON.stringify({ collectionName: 'c', ...body })),
        signal: new AbortController().signal,
      }),
    );
    return JSON.parse(String(response.body)) as Record<string, unknown>;
  };
  const setRecord = (next: typeof record): void => {
    record = next;
  };
  return { ask, asked, setRecord };
}

const row = { id: 1, v: [0, 1], n: 5 };
const leg = { data: [[0, 1]], annsField: 'v' };

it.each<[path: string, body: object]>([
  ['/v2/vectordb/entities/insert', { data: [row] }],
  ['/v2/vectordb/entities/upsert', { data: [row] }],
  ['/v2/vectordb/entities/delete', { ids: [1] }],
  ['/v2/vectordb/entities/get', { id: [1] }],
  ['/v2/vectordb/entities/search', leg],
  ['/v2/vectordb/entities/hybrid_search', { search: [leg, leg] }],
  ['/v1/vector/insert', { data: [row] }],
  ['/v1/vector/search', { vector: [0, 1] }],
])('%s asks once', async (path, body) => {
  const { ask, asked } = openRest(async () => ({ timestamp: 50n }));
  await ask(path, body);
  expect(asked).toEqual(['c']);
});

it('a write that has to begin anew looks what is there now', async () => {
  const { partitions } = collectionRecord();
  const written: bigint[] = [];
  const { ask, asked, setRecord } = openRest(async ({ inserts }) => {
    const [partition = 0n] = inserts.map(({ partitionId }) => partitionId);
    written.push(partition);
    if (partition === 10n) {
      setRecord(collectionRecord({ partitions: partitions.map((one) => ({ ...one, id: one.id + 2n })) }));
      throw new ElanusError('partition_not_found', 'it was truncated');
    }
    return { timestamp: 50n };
  });
  expect(await ask('/v2/vectordb/entities/insert', { data: [row] })).toMatchObject({ code: 0 });
  expect(written).toEqual([10n, 12n]);
  expect(asked).toEqual(['c', 'c']);
});

it('a call that is refused leaves no definition for the next', async () => {
  const { ask, asked, setRecord } = openRest(async () => ({ timestamp: 50n }));
  const wrong = { data: [{ ...row, v: [0, 1, 2] }] };
  expect(await ask('/v2/vectordb/entities/insert', wrong)).toMatchObject({ code: 1804 });
  const { schema } = collectionRecord();
  const fields = (schema?.fields ?? []).filter(({ name }) => name !== 'n');
  setRecord(collectionRecord({ schema: CollectionSchema.fromPartial({ name: 'c', fields }) }));
  expect(await ask('/v2/vectordb/entities/insert', { data: [row] })).toMatchObject({ code: 1804 });
  const { id, v } = row;
  expect(await ask('/v2/vectordb/entities/insert', { data: [{ id, v }] })).toMatchObject({ code: 0 });
  expect(asked).toEqual(['c', 'c', 'c']);
});
