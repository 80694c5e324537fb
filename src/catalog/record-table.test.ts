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
