// Limits that properties set: on simulated time, through the calls that they bound.
import { describe, expect, it } from 'vitest';
import { collectionRecord, openProxyWorld } from '../../../test/support/proxy-world.js';
import { type Bucket, take } from './limits.js';

describe('a bucket', () => {
  it('gives what its rate is, over any span, and one second at once', () => {
    const bucket: Bucket = { tokens: 100, filledMs: 0 };
    let taken = 0;
    for (let nowMs = 0; nowMs <= 10_000; nowMs += 10) if (take(bucket, 100, 3, nowMs)) taken += 3;
    expect(taken).toBeGreaterThanOrEqual(1090);
    expect(taken).toBeLessThanOrEqual(1103);
  });

  it('lets a request go that is larger than a second, and the next ones wait for it', () => {
    const bucket: Bucket = { tokens: 100, filledMs: 0 };
    expect(take(bucket, 100, 500, 0)).toBe(true);
    expect(take(bucket, 100, 1, 3900)).toBe(false);
    expect(take(bucket, 100, 1, 4100)).toBe(true);
  });

  it('of rate 0 gives nothing', () => {
    expect(take({ tokens: 0, filledMs: 0 }, 0, 1, 1_000_000)).toBe(false);
  });
});

const rowCount = { count: 1n, readTimestamp: 1n };
const world = (properties: Record<string, string>, databaseProperties: Record<string, string> = {}) => {
  const record = collectionRecord({ properties });
  return openProxyWorld(
    {
      definitions: {
        describeCollection: async () => ({ collection: record, databaseId: 1n, databaseProperties }),
        listCollections: async () => ({ collections: [record] }),
      },
      streamingNode: {
        retrieve: async () => rowCount,
        append: async () => ({ timestamp: 5n }),
      },
      channelRegistry: {
        listSegments: async () => ({
          segments: [{ id: 1n, files: [{ key: 'a', bytes: 3n << 20n }] }],
        }),
      },
    },
    record,
  );
};
const count = { collectionName: 'c', expr: '', outputFields: ['count(*)'] };
const removal = { collectionName: 'c', expr: 'id in [1, 2]' };

describe('properties', () => {
  it('bound the rate of queries, retriably, and it comes back with time', async () => {
    const { call, world: simulated } = world({ 'collection.queryRate.max.qps': '2' });
    const codes = [];
    for (let at = 0; at < 4; at++) codes.push((await call('query', count)).status?.code);
    expect(codes).toEqual([0, 0, 8, 8]);
    expect((await call('query', count)).status).toMatchObject({
      ...{ code: 8, errorCode: 49, retriable: true },
      reason: expect.stringContaining('rate limit exceeded[rate=2]'),
    });
    await simulated.advance(600);
    expect((await call('query', count)).status?.code).toBe(0);
  });

  it('close a database for reads, or for writes', async () => {
    const reading = world({}, { 'database.force.deny.reading': 'true' });
    expect((await reading.call('query', count)).status).toMatchObject({
      ...{ code: 9, errorCode: 48 },
      reason: expect.stringContaining('access has been disabled by the administrator'),
    });
    expect((await reading.call('delete', removal)).status?.code).toBe(0);
    const writing = world({}, { 'database.force.deny.writing': 'true' });
    expect((await writing.call('delete', removal)).status?.code).toBe(9);
    expect((await writing.call('query', count)).status?.code).toBe(0);
    const open = world({}, { 'database.force.deny.writing': 'false' });
    expect((await open.call('delete', removal)).status?.code).toBe(0);
  });

  it('bound the rate of imports by the bytes of their files', async () => {
    const { call, platform, world: simulated } = world({ 'collection.bulkLoadRate.max.mb': '1' });
    await simulated.runUntil(platform.objectStore.put('large.json', [new Uint8Array(3 << 20)]));
    const started = async (...files: string[]) =>
      (await call('import', { collectionName: 'c', files })).status;
    expect((await started('large.json'))?.code).not.toBe(8);
    expect(await started('nowhere.json')).toMatchObject({ code: 8, retriable: true });
    await simulated.advance(1900);
    expect((await started('large.json'))?.code).toBe(8);
    await simulated.advance(200);
    expect((await started('large.json'))?.code).not.toBe(8);
  });

  it('bound the files of a collection and of a database, for rows that are added', async () => {
    const add = (properties: Record<string, string>, databaseProperties: Record<string, string> = {}) =>
      world(properties, databaseProperties).call('import', { collectionName: 'c', files: ['x'] });
    const full = { code: 9, reason: expect.stringContaining('disk quota exceeded') };
    expect((await add({ 'collection.diskProtection.diskQuota.mb': '3' })).status).toMatchObject(full);
    expect((await add({}, { 'database.diskQuota.mb': '2.5' })).status).toMatchObject(full);
    expect((await add({ 'collection.diskProtection.diskQuota.mb': '4' })).status?.code).not.toBe(9);
    expect((await add({ 'collection.diskProtection.diskQuota.mb': '-1' })).status?.code).not.toBe(9);
    const deleting = world({ 'collection.diskProtection.diskQuota.mb': '1' });
    expect((await deleting.call('delete', removal)).status?.code).toBe(0);
  });
});
