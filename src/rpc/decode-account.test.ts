import { expect, it } from 'vitest';
import { DECODE_UNITS_MAX, unitsAtMost } from '#model/bounded-decode.js';
import { SearchRequest } from '#proto/milvus/milvus.js';
import { DecodeAccount } from './decode-account.js';

const request = (pairs: number): Uint8Array =>
  SearchRequest.encode(
    SearchRequest.fromPartial({ searchParams: Array.from({ length: pairs }, () => ({})) }),
  ).finish();

it('holds what is worked on below one bound, and has the room back', () => {
  const account = new DecodeAccount(30_000);
  const first = account.decode(SearchRequest, request(1000));
  const second = account.decode(SearchRequest, request(1000));
  expect(() => account.decode(SearchRequest, request(1000))).toThrow(
    expect.objectContaining({ key: 'memory_insufficient', message: expect.stringContaining('try again') }),
  );
  // A small one is always taken.
  expect(account.decode(SearchRequest, request(10)).message.searchParams.length).toBe(10);
  first.release();
  expect(account.decode(SearchRequest, request(1000)).message.searchParams.length).toBe(1000);
  second.release();
});

it('counts by bytes while there is room, and then by what is there: the bound is the same', () => {
  const account = new DecodeAccount(DECODE_UNITS_MAX + unitsAtMost(request(1000).length));
  const byBytes = account.decode(SearchRequest, request(1000));
  const byCount = Array.from({ length: 3 }, () => account.decode(SearchRequest, request(1000)));
  for (const { message } of [byBytes, ...byCount]) expect(message.searchParams.length).toBe(1000);
  const full = Array.from({ length: 5000 }, () => request(1000)).findIndex((bytes) => {
    try {
      account.decode(SearchRequest, bytes);
      return false;
    } catch (error) {
      expect(error).toMatchObject({ key: 'memory_insufficient' });
      return true;
    }
  });
  expect(full).toBeGreaterThan(1000);
  expect(full * 12_000).toBeLessThan(DECODE_UNITS_MAX);
});
