import { expect, it } from 'vitest';
import { isShared, SharedMemory } from '#base/shared-memory.js';
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

it('says whether its message is a part of a chunk: otherwise chunks may go', () => {
  let views = 0;
  for (let first = 0; first <= framed.length; first++) {
    const chunks = [framed.subarray(0, first), framed.subarray(first)].map((part) => Buffer.from([...part]));
    const reader = read(chunks);
    if (reader.isView) views++;
    else for (const chunk of chunks) chunk.fill(0);
    expect([...(reader.message ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
  }
  expect(views).toBeGreaterThan(0);
  expect(views).toBeLessThan(framed.length);
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

it('puts large messages in several chunks into memory that is used again', () => {
  const memory = new SharedMemory(1 << 20);
  const message = (value: number): Buffer => {
    const bytes = Buffer.alloc(5 + 100_000, value);
    bytes[0] = 0;
    bytes.writeUInt32BE(100_000, 1);
    return bytes;
  };
  const reading = (bytes: Buffer, cut: number): GrpcMessageReader => {
    const reader = new GrpcMessageReader(memory);
    reader.fill(reader.readPrefix(bytes.subarray(0, cut)));
    return reader;
  };
  const first = reading(message(1), 60_000);
  first.fill(message(1).subarray(60_000));
  const kept = first.message ?? Buffer.alloc(0);
  expect([kept.length, isShared(kept), kept.every((byte) => byte === 1)]).toEqual([100_000, true, true]);
  first.drop(); // Whole: it is read, whatever its client does.
  const second = reading(message(2), 60_000);
  second.drop(); // Never whole: it is free.
  const third = reading(message(3), 7);
  third.fill(message(3).subarray(7));
  expect(kept.every((byte) => byte === 1)).toBe(true);
  expect(third.message?.every((byte) => byte === 3)).toBe(true);
  first.giveBack();
  first.giveBack();
  const [fourth, fifth] = [reading(message(4), 60_000), reading(message(5), 60_000)];
  for (const [at, reader] of [fourth, fifth].entries()) reader.fill(message(4 + at).subarray(60_000));
  expect(fourth.message?.buffer === kept.buffer).toBe(true);
  expect(fifth.message?.buffer === kept.buffer).toBe(false);
});

it('reads a large message in one chunk where it lies', () => {
  const bytes = Buffer.alloc(5 + 100_000);
  bytes.writeUInt32BE(100_000, 1);
  const reader = new GrpcMessageReader(new SharedMemory(1 << 20));
  reader.fill(reader.readPrefix(bytes));
  expect(reader.message?.buffer === bytes.buffer).toBe(true);
  reader.giveBack();
});
