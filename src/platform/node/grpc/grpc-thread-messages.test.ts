import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { type AnswerItem, type Batch, BatchPoster, BodyReader } from './grpc-thread-messages.js';

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

function channel(): { readonly poster: BatchPoster<AnswerItem>; next(): Promise<Batch<AnswerItem>> } {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  return {
    poster: new BatchPoster(port1),
    next: () => new Promise((resolve) => port2.once('message', resolve)),
  };
}

const push = (poster: BatchPoster<AnswerItem>, id: number, bytes: Uint8Array, isGiven = true): void =>
  poster.push(['reply', id, poster.body(bytes, isGiven)]);

describe('BatchPoster', () => {
  it('posts what one turn brings as one message, bodies of all sizes in order', async () => {
    const { poster, next } = channel();
    const pool = Uint8Array.from({ length: 200_000 }, (_, at) => at % 251);
    const bodies = [
      pool.subarray(3, 10), // A piece of something larger.
      new Uint8Array(0),
      new Uint8Array(100_000).fill(9), // Large, and all there is of its buffer.
      pool.subarray(50_000, 150_000), // Large, and a piece.
      Uint8Array.of(1),
      new Uint8Array(100_005).fill(4).subarray(5), // As gRPC reads a message.
    ];
    const expected = bodies.map((bytes) => bytes.slice());
    for (const [id, bytes] of bodies.entries()) push(poster, id, bytes);
    const batch = await next();
    const reader = new BodyReader(batch);
    const seen = batch.items.map((item) => (item[0] === 'reply' ? reader.next(item[2]) : undefined));
    expect(seen).toEqual(expected);
    expect(batch.items.map((item) => item[1])).toEqual([0, 1, 2, 3, 4, 5]);
    for (const moved of [2, 5]) expect(bodies[moved]?.length).toBe(0); // Not copied.
    expect(pool.length).toBe(200_000);
  });
  it('leaves bytes alone that are not given', async () => {
    const { poster, next } = channel();
    const kept = new Uint8Array(100_000).fill(7);
    for (const id of [1, 2]) push(poster, id, kept, false);
    const batch = await next();
    const reader = new BodyReader(batch);
    expect(batch.items.map((item) => (item[0] === 'reply' ? reader.next(item[2]) : undefined))).toEqual([
      kept,
      kept,
    ]);
    expect(kept.length).toBe(100_000);
  });
  it('begins anew with the next turn, and has nothing to post twice', async () => {
    const { poster, next } = channel();
    push(poster, 1, Uint8Array.of(1));
    const first = next();
    poster.post();
    expect((await first).items.length).toBe(1);
    const second = next();
    push(poster, 2, new Uint8Array(0));
    const batch = await second;
    expect(batch.items).toEqual([['reply', 2, 0]]);
    expect([...new BodyReader(batch).next(0)]).toEqual([]);
  });
});
