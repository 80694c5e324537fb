import { expect, it } from 'vitest';
import { SearchRequest } from '#proto/milvus/milvus.js';
import { DecodeAccount } from './decode-account.js';

const request = (pairs: number): Uint8Array =>
  SearchRequest.encode(SearchRequest.fromPartial({ searchParams: Array.from({ length: pairs }, () => ({})) })).finish();

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
