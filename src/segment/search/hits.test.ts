// Hits between roles: as they are in one process, by their bytes over the wire, and never past what fits together.
import { describe, expect, it } from 'vitest';
import { columnFromInt64 } from '#model/columns/column.js';
import { ShardSearchResponse } from '#proto/elanus/roles.js';
import { decodeHits, encodeHits, type Hits } from './hits.js';

const hits: Hits = {
  counts: Uint32Array.of(2, 1),
  scores: Float32Array.of(0.5, 0.25, 0.125),
  segmentIds: BigInt64Array.of(7n, 7n, 8n),
  rows: Uint32Array.of(1, 2, 3),
  keys: columnFromInt64(100n, [10n, 20n, 30n]),
  timestamps: BigUint64Array.of(1n, 2n, 3n),
};

const overTheWire = (message: ShardSearchResponse): ShardSearchResponse =>
  ShardSearchResponse.decode(ShardSearchResponse.encode(message).finish());

describe('hits of an answer', () => {
  it('are the hits themselves in the process that made them', () => {
    expect(decodeHits(encodeHits(hits, 5n))).toBe(hits);
  });

  it('are read from the bytes of the wire, at any address', () => {
    const sent = overTheWire(encodeHits(hits, 5n, { searchedRows: 9n, recall: 0.5, plans: [] }));
    expect(sent).toMatchObject({ readTimestamp: 5n, searchedRows: 9n, recall: 0.5 });
    const read = decodeHits(sent);
    expect(read).not.toBe(hits);
    const values = ({ counts, scores, segmentIds, rows, timestamps }: Hits) => [
      ...[counts, scores, segmentIds, rows, timestamps].map((part) => [...part]),
    ];
    expect(values(read)).toEqual(values(hits));
    expect([...read.keys.data]).toEqual([...hits.keys.data]);
  });

  it('are those of a copy where a message was changed, and are refused where they do not fit', () => {
    const message = ShardSearchResponse.fromPartial(encodeHits(hits, 5n));
    const scores = new Uint8Array(Float32Array.of(3, 2, 1).buffer);
    expect([...decodeHits({ ...message, scores }).scores]).toEqual([3, 2, 1]);
    const short = { ...message, rows: new Uint8Array(8) };
    expect(() => decodeHits(short)).toThrow(/hits of different lengths/);
    expect(() => decodeHits({ ...message, counts: new Uint8Array(8) })).toThrow(/different lengths/);
    const keys = columnFromInt64(100n, [10n]);
    expect(() => decodeHits({ ...message, keys })).toThrow(/the key column/);
  });
});
