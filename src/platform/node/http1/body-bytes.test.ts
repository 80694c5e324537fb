import { describe, expect, it } from 'vitest';
import { BodyBytes } from './body-bytes.js';

const part = (...bytes: number[]): Buffer => Buffer.from(bytes);

describe('the bytes of a body', () => {
  it('are those of its parts, whatever was promised', () => {
    for (const declared of [0, 1, 5, 100]) {
      const body = new BodyBytes(declared);
      for (const one of [part(1, 2), part(3), part(4, 5)]) body.add(one);
      expect([...body.bytes], String(declared)).toEqual([1, 2, 3, 4, 5]);
      expect(body.length).toBe(5);
    }
    expect(new BodyBytes(7).bytes).toHaveLength(0);
  });

  it('are the one part there is, and no copy of it', () => {
    const one = part(1, 2, 3);
    const body = new BodyBytes(3);
    body.add(one);
    expect(body.bytes).toBe(one);
  });

  it('go at once when they were copied; one part belongs to whoever read it', () => {
    const kept = Buffer.alloc(64 * 1024, 1);
    const copied = new BodyBytes(128 * 1024);
    for (const one of [kept, kept]) copied.add(one);
    const { bytes } = copied;
    const only = new BodyBytes(kept.length);
    only.add(kept);
    for (const body of [copied, copied, only]) body.letGo();
    expect(bytes).toHaveLength('transfer' in ArrayBuffer.prototype ? 0 : 128 * 1024);
    expect(kept).toHaveLength(64 * 1024);
    expect([copied.bytes.length, only.bytes.length]).toEqual([0, 0]);
  });

  it('grow beyond any size that is not promised', () => {
    const body = new BodyBytes(0);
    const large = Buffer.alloc(300_000, 7);
    for (let count = 0; count < 9; count++) body.add(large);
    expect(Buffer.compare(body.bytes, Buffer.alloc(2_700_000, 7))).toBe(0);
  });
});
