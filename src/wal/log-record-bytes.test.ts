// Large records are put together by hand: every byte is that of the generated codec.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LogPayload } from '#platform/log.js';
import { type Column, LogRecord } from '#proto/elanus/data.js';
import { encodeLogRecord } from './log-record-bytes.js';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(0, 127, 128, 5000, 20_000).map((length) => new Uint8Array(length).fill(length)),
);
const column = fc
  .record({ fieldId: int64, dataType: fc.nat(200), data: bytes, offsets: bytes, valid: bytes })
  .chain((one) =>
    fc
      .constantFrom(undefined, true, false)
      .map((packed): Column => (packed === undefined ? one : { ...one, packed })),
  );
const rows = fc.option(
  fc.record({ rowCount: fc.nat(2 ** 31), columns: fc.array(column, { maxLength: 4 }) }),
  {
    nil: undefined,
  },
);
const write = fc.record({
  deletedKeys: fc.option(column, { nil: undefined }),
  inserts: fc.array(fc.record({ partitionId: int64, segmentId: int64, rows }), { maxLength: 3 }),
  deletedPartitionId: int64,
});
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const record = fc.record({
  vchannel: fc.string({ unit: 'grapheme' }),
  timestamp: uint64,
  write: fc.option(write, { nil: undefined }),
  seal: fc.option(fc.record({ segmentIds: fc.array(int64) }), { nil: undefined }),
  dropPartition: fc.option(fc.record({ partitionId: int64 }), { nil: undefined }),
  writeId: fc.option(fc.record({ writer: uint64, number: uint64 }), { nil: undefined }),
});

const joined = (payload: LogPayload): Uint8Array =>
  payload instanceof Uint8Array ? payload : Buffer.concat(payload);

it('encodes as the generated codec does', () => {
  fc.assert(
    fc.property(record, (one) => {
      expect(Buffer.compare(joined(encodeLogRecord(one)), LogRecord.encode(one).finish())).toBe(0);
    }),
    { numRuns: 500 },
  );
});
