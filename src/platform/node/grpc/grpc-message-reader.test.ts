import { expect, it } from 'vitest';
import { GrpcMessageReader } from './grpc-message-reader.js';

function read(chunks: readonly Buffer[]): GrpcMessageReader {
  const reader = new GrpcMessageReader();
  for (const chunk of chunks) reader.fill(reader.length === undefined ? reader.readPrefix(chunk) : chunk);
  return reader;
}

const framed = Buffer.from([0, 0, 0, 0, 6, 1, 2, 3, 4, 5, 6]);

it('reads a message however it is cut', () => {
  for (let first = 0; first <= framed.length; first++) {
    for (let second = first; second <= framed.length; second++) {
      const reader = read([
        framed.subarray(0, first),
        framed.subarray(first, second),
        framed.subarray(second),
      ]);
      expect([...(reader.message ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
      expect(reader).toMatchObject({ length: 6, isCompressed: false, beyond: 0 });
    }
  }
});

it('knows the length before the message is there, and counts what is behind it', () => {
  const half = read([framed.subarray(0, 8)]);
  expect(half.length).toBe(6);
  expect(half.message).toBeUndefined();
  expect(read([framed, Buffer.alloc(7)]).beyond).toBe(7);
  expect(read([framed.subarray(0, 7), Buffer.concat([framed.subarray(7), Buffer.alloc(3)])]).beyond).toBe(3);
  expect(read([Buffer.from([1, 0, 0, 0, 0])])).toMatchObject({
    isCompressed: true,
    length: 0,
    message: Buffer.alloc(0),
  });
  expect(read([Buffer.from([0, 0])]).length).toBeUndefined();
});
