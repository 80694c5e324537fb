// The error names the key of a record that was written by another release, and nothing of the table is lost or guessed.
import { expect, test } from 'vitest';
import { parseSegment, segmentRecord } from '#model/states/segment.js';
import { MemoryMetaStore } from '#platform/memory/memory-meta-store.js';
import { SegmentRecord } from '#proto/elanus/data.js';
import { parsedType, recordTable } from './record-table.js';

test('a state of a newer release is refused, naming key, record and state', async () => {
  const store = new MemoryMetaStore();
  const raw = recordTable(store, 's/', SegmentRecord);
  await store.transact([], [raw.put('7', SegmentRecord.fromPartial({ id: 7n, state: 'compacting' }))]);
  const table = recordTable(store, 's/', parsedType(SegmentRecord, parseSegment, segmentRecord));
  const refused = {
    key: 'unsupported',
    message: expect.stringContaining('s/7: segment 7 is in the state "compacting"'),
  };
  await expect(table.entries()).rejects.toMatchObject(refused);
  await expect(table.get('7')).rejects.toMatchObject(refused);
});

test('bytes that are no record are damage', async () => {
  const store = new MemoryMetaStore();
  await store.transact([], [{ kind: 'put', key: 's/7', value: Uint8Array.of(255, 255, 255) }]);
  const table = recordTable(store, 's/', parsedType(SegmentRecord, parseSegment, segmentRecord));
  await expect(table.entries()).rejects.toMatchObject({
    key: 'data_corrupt',
    message: expect.stringContaining('s/7'),
  });
});

test('what an earlier call found is decoded again only where it was written since', async () => {
  const store = new MemoryMetaStore();
  let decoded = 0;
  const counted = {
    encode: SegmentRecord.encode,
    decode: (bytes: Uint8Array) => {
      decoded++;
      return SegmentRecord.decode(bytes);
    },
  };
  const table = recordTable(store, 's/', counted);
  const put = (key: string, rowCount: bigint) =>
    table.put(key, SegmentRecord.fromPartial({ id: 7n, rowCount }));
  await store.transact([], [put('1', 1n), put('2', 2n)]);
  const first = await table.entries();
  const known = new Map(first.map((entry) => [entry.key, entry]));
  await store.transact([], [put('2', 3n), put('3', 4n), table.remove('1')]);
  await store.transact([], [put('1', 5n)]);
  const second = await table.entries(known);
  expect(second.map(({ key, record }) => [key, record.rowCount])).toEqual([
    ['1', 5n],
    ['2', 3n],
    ['3', 4n],
  ]);
  expect(decoded).toBe(5);
  const third = await table.entries(new Map(second.map((entry) => [entry.key, entry])));
  expect(third.map(({ record }) => record)).toEqual(second.map(({ record }) => record));
  expect(decoded).toBe(5);
});
