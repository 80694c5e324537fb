import { expect, it } from 'vitest';
import { columnFromInt64 } from '#model/columns/column.js';
import type { LoadStateResponse } from '#proto/elanus/roles.js';
import { QueryCoordDefinition, ShardSearchResponse, StreamingNodeDefinition } from '#proto/elanus/roles.js';
import { decodeHits, encodeHits, type Hits } from '#segment/search/hits.js';
import { type Handlers, inProcessClient, whole } from './service.js';
import { wireMethods } from './wire-methods.js';

const context = { signal: new AbortController().signal, metadata: {} };
const complete = (): LoadStateResponse => ({
  status: undefined,
  known: true,
  progress: 7,
  partitionIds: [1n],
  reason: '',
  outOfMemory: false,
  damaged: false,
  channels: [],
  leftOutFieldIds: [],
  takesLater: false,
  resourceGroup: '',
});

const clientOf = (answer: () => object) => {
  const handlers: object = { loadState: async () => answer() };
  return inProcessClient(QueryCoordDefinition, handlers as Handlers<typeof QueryCoordDefinition>);
};

it('fills in what a message leaves out, passes a whole one on as it is, and does not take a copy of one for whole', async () => {
  const message = complete();
  expect(await clientOf(() => whole(message)).loadState({ collectionId: 1n })).toBe(message);
  expect(await clientOf(() => ({ known: true })).loadState({ collectionId: 1n })).toMatchObject({
    known: true,
    partitionIds: [],
    reason: '',
  });
  const partial = { ...whole(complete()), partitionIds: undefined };
  expect(await clientOf(() => partial).loadState({ collectionId: 1n })).toMatchObject({ partitionIds: [] });
});

it('answers the same bytes for a whole message', async () => {
  const bytesOf = async (answer: object) =>
    wireMethods(QueryCoordDefinition, { loadState: async () => answer }).get(
      '/elanus.v1.QueryCoord/LoadState',
    )?.(new Uint8Array(0), context);
  const bytes = await bytesOf({ known: true, progress: 7, partitionIds: [1n] });
  expect(bytes?.length).toBeGreaterThan(3);
  expect(await bytesOf(whole(complete()))).toEqual(bytes);
});

it('answers all of a message that makes its bytes when they are asked for', async () => {
  const hits: Hits = {
    counts: Uint32Array.of(1),
    scores: Float32Array.of(0.5),
    segmentIds: BigInt64Array.of(7n),
    rows: Uint32Array.of(1),
    keys: columnFromInt64(100n, [10n]),
    timestamps: BigUint64Array.of(1n),
  };
  const bytes = await wireMethods(StreamingNodeDefinition, {
    search: async () => whole(encodeHits(hits, 5n)),
  }).get('/elanus.v1.StreamingNode/Search')?.(new Uint8Array(0), context);
  const read = ShardSearchResponse.decode(bytes ?? new Uint8Array(0));
  expect(read).toMatchObject({ status: { code: 0 }, readTimestamp: 5n });
  expect([...decodeHits(read).rows]).toEqual([1]);
});
