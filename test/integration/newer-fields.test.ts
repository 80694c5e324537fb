// Fields of the protocol that pymilvus 3.0.2 and the Rust SDK send and read, and the Node SDK does not know yet: what they ask is answered,
// not passed over.
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CompactionTaskState, CompactionType, SegmentState } from '#proto/milvus/common.js';
import {
  GetCompactionPlansRequest,
  GetCompactionPlansResponse,
  GetExportSnapshotStateRequest,
  GetExportSnapshotStateResponse,
  GetPersistentSegmentInfoRequest,
  GetPersistentSegmentInfoResponse,
  GetQuerySegmentInfoRequest,
  GetQuerySegmentInfoResponse,
} from '#proto/milvus/milvus.js';
import { type Elanus, open } from '#server/open.js';
import { connectRaw, type RawClient } from './raw-client.js';
import { connect, createLoaded, insertRange, mustSucceed, until } from './support.js';

const NAME = 'merged';
let database: Elanus;
let client: MilvusClient;
let raw: RawClient;

async function plansOf(request: Parameters<typeof GetCompactionPlansRequest.fromPartial>[0]) {
  const bytes = GetCompactionPlansRequest.encode(GetCompactionPlansRequest.fromPartial(request)).finish();
  return GetCompactionPlansResponse.decode(await raw.call('GetCompactionStateWithPlans', bytes));
}

async function segmentsOf(...states: SegmentState[]) {
  const request = GetPersistentSegmentInfoRequest.fromPartial({ collectionName: NAME, states });
  const bytes = GetPersistentSegmentInfoRequest.encode(request).finish();
  return GetPersistentSegmentInfoResponse.decode(await raw.call('GetPersistentSegmentInfo', bytes)).infos;
}

beforeAll(async () => {
  database = await open(undefined, { logLevel: 'error', autoCompaction: false });
  client = await connect(database.address);
  raw = connectRaw(database.address);
  await createLoaded(client, NAME);
  for (const begin of [0, 10]) {
    await insertRange(client, NAME, begin, begin + 10);
    await mustSucceed(client.flushSync({ collection_names: [NAME] }));
  }
});
afterAll(async () => {
  raw.close();
  await client.closeConnection();
  await database.close();
});

test('segments are listed by their states, with the channel of their rows', async () => {
  const all = await segmentsOf();
  expect(all).toHaveLength(2);
  for (const { compactionFrom } of all) expect(compactionFrom).toEqual([]);
  for (const { insertChannel } of all) expect(insertChannel).toMatch(/^by-dev-rootcoord-dml_\d+_\d+v0$/);
  expect(await segmentsOf(SegmentState.Growing, SegmentState.Flushed)).toEqual(all);
  expect(await segmentsOf(SegmentState.Growing, SegmentState.Importing)).toEqual([]);
  const request = GetQuerySegmentInfoRequest.fromPartial({ collectionName: NAME });
  const bytes = GetQuerySegmentInfoRequest.encode(request).finish();
  const { infos } = GetQuerySegmentInfoResponse.decode(await raw.call('GetQuerySegmentInfo', bytes));
  expect(infos.map(({ isSorted }) => isSorted)).toEqual([true, true]);
});

test('the compactions of a collection are found by its name', async () => {
  expect(await plansOf({ collectionName: NAME })).toMatchObject({ mergeInfos: [] });
  const sources = (await segmentsOf()).map(({ segmentID }) => segmentID).sort();
  const { compactionID } = await client.compact({ collection_name: NAME });
  const id = BigInt(compactionID);
  const ended = await until('the compaction ends', async () => {
    const now = await plansOf({ collectionName: NAME });
    return now.mergeInfos.every(({ target }) => target !== 0n) ? now : undefined;
  });
  const [segment] = await segmentsOf();
  expect(segment?.compactionFrom.toSorted()).toEqual(sources);
  expect(ended.mergeInfos).toMatchObject([
    {
      target: segment?.segmentID,
      targets: [segment?.segmentID],
      triggerId: id,
      planId: 1n,
      collectionId: segment?.collectionID,
      type: CompactionType.CompactionTypeMix,
      state: CompactionTaskState.CompactionTaskStateCompleted,
      failureReason: '',
    },
  ]);
  expect([...(ended.mergeInfos[0]?.sources ?? [])].sort()).toEqual(sources);
  expect(await plansOf({ compactionID: id })).toEqual(ended);
  // The name counts, not the id beside it.
  expect(await plansOf({ compactionID: 7n, collectionName: NAME })).toEqual(ended);
  expect((await plansOf({ collectionName: 'nobody' })).status?.code).toBe(100);
  await createLoaded(client, 'other');
  expect((await plansOf({ collectionName: 'other' })).mergeInfos).toEqual([]);
});

test('the state of an export is refused with what is missing', async () => {
  const bytes = GetExportSnapshotStateRequest.encode(
    GetExportSnapshotStateRequest.fromPartial({ jobId: 1n }),
  ).finish();
  const { status } = GetExportSnapshotStateResponse.decode(await raw.call('GetExportSnapshotState', bytes));
  expect(status).toMatchObject({ code: 3000, reason: expect.stringContaining('no snapshots') });
});
