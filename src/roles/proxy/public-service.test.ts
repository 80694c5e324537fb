// The chain around every public call, with messages and with bytes.
import { expect, it, vi } from 'vitest';
import { ElanusError } from '#base/errors.js';
import type { CallContext } from '#platform/transport.js';
import { HasPartitionRequest } from '#proto/milvus/milvus.js';
import { CALL_DEADLINE_MS, openProxyWorld, SUCCESS } from '../../../test/support/proxy-world.js';

it('refuses what is not built with the name of what is missing and what to do instead, wherever the answer has its status', async () => {
  const { call } = openProxyWorld({});
  expect((await call('listSnapshots', {})).status).toMatchObject({
    code: 3000,
    reason:
      'ListSnapshots is not supported by this version of Elanus, which has no snapshots; copy the data folder of a server that was stopped, or read the collection through an iterator, which holds one time (docs/compat.md lists what there is)',
  });
  expect(await call('dropSnapshot', {})).toMatchObject({ code: 3000 });
  await expect(call('getReplicateInfo', {})).rejects.toMatchObject({ key: 'not_secondary' });
});

it('gives success its status, in the shape of the answer', async () => {
  const { call } = openProxyWorld({ definitions: { dropDatabase: async () => ({}) } });
  expect(await call('dropDatabase', { dbName: 'd' })).toMatchObject(SUCCESS);
  expect(await call('hasPartition', { collectionName: 'c', partitionName: 'other' })).toMatchObject({
    status: SUCCESS,
    value: true,
  });
});

it('refuses a field that it would pass over before the handler runs', async () => {
  const describeCollection = vi.fn(async () => ({}));
  const { call } = openProxyWorld({ definitions: { describeCollection } });
  const { status } = await call('hasCollection', { collectionName: 'c', timeStamp: 5n });
  expect(status).toMatchObject({ code: 3000, reason: expect.stringContaining('time_stamp') });
  expect(describeCollection).not.toHaveBeenCalled();
});

it('gives a deadline to those who gave none, and keeps that of others', async () => {
  const seen: (number | undefined)[] = [];
  const dropDatabase = async (_request: object, context: CallContext) => {
    seen.push(context.deadlineMs);
    return {};
  };
  const { call, platform } = openProxyWorld({ definitions: { dropDatabase } });
  const now = platform.clock.now();
  await call('dropDatabase', { dbName: 'd' });
  await call('dropDatabase', { dbName: 'd' }, { deadlineMs: now + 7 });
  expect(seen).toEqual([now + CALL_DEADLINE_MS, now + 7]);
});

it('does not begin for a caller that has gone', async () => {
  const dropDatabase = vi.fn(async () => ({}));
  const { call } = openProxyWorld({ definitions: { dropDatabase } });
  const status = await call('dropDatabase', { dbName: 'd' }, { signal: AbortSignal.abort() });
  expect(status.reason).toMatch('caller has gone');
  expect(dropDatabase).not.toHaveBeenCalled();
});

it('answers failures of others with their code, and logs those that nobody expected', async () => {
  let failure: Error = new ElanusError('database_not_found', 'no such thing');
  const dropDatabase = async () => {
    throw failure;
  };
  const { call, platform } = openProxyWorld({ definitions: { dropDatabase } });
  const logged = () => platform.logger.records.filter(({ event }) => event === 'request_failed');
  expect(await call('dropDatabase', { dbName: 'd' })).toMatchObject({ code: 800, reason: 'no such thing' });
  expect(logged()).toEqual([]);
  failure = new TypeError('a bug');
  expect(await call('dropDatabase', { dbName: 'd' })).toMatchObject({ code: 5 });
  expect(logged()).toHaveLength(1);
});

it('counts every call, refused ones too', async () => {
  const { call, platform } = openProxyWorld({});
  await call('getVersion', {});
  await call('getVersion', {});
  await call('dropSnapshot', {});
  const text = await platform.metrics.render();
  expect(text).toMatch(/milvus_proxy_req_count\{function_name="GetVersion"\} 2/);
  expect(text).toMatch(/milvus_proxy_req_count\{function_name="DropSnapshot"\} 1/);
});

it('reads and writes bytes for gRPC, and does not read those of a call that is not built', async () => {
  const { wire } = openProxyWorld({});
  const request = HasPartitionRequest.fromPartial({ collectionName: 'c', partitionName: 'absent' });
  expect(await wire('hasPartition', HasPartitionRequest.encode(request).finish())).toMatchObject({
    value: false,
  });
  const garbage = Uint8Array.of(0x0a, 0xff, 0xff);
  expect((await wire('hasPartition', garbage)).status).toMatchObject({
    code: 1100,
    reason: expect.stringContaining('3 bytes is not a valid protobuf message'),
  });
  expect(await wire('dropSnapshot', garbage)).toMatchObject({ code: 3000 });
});
