// What nobody reads any more takes no memory; what is read on, or may be a part of something, stays as it is.
import { describe, expect, it } from 'vitest';
import { letGo } from './chunk-memory.js';

describe('the memory of a chunk', () => {
  it('is given back at once', () => {
    const chunk = Buffer.allocUnsafeSlow(64 * 1024);
    letGo(chunk);
    expect(chunk.length).toBe('transfer' in ArrayBuffer.prototype ? 0 : 64 * 1024);
  });

  it('stays where others may be in it, and where it is not worth it', () => {
    const part = Buffer.allocUnsafeSlow(64 * 1024).subarray(0, 32 * 1024);
    const small = Buffer.allocUnsafeSlow(1024);
    for (const chunk of [part, small]) {
      const { length } = chunk;
      letGo(chunk);
      expect(chunk.length).toBe(length);
    }
  });
});
