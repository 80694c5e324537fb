import fc from 'fast-check';
import { expect, it } from 'vitest';
import { base64FromBytes, bytesFromBase64 } from './base64.js';

it('writes what Node writes, and reads it back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
      const text = base64FromBytes(bytes);
      expect(text).toBe(Buffer.from(bytes).toString('base64'));
      expect(bytesFromBase64(text)).toEqual(bytes);
    }),
    { numRuns: 50 },
  );
});

it.each(['a', 'ab=', 'a b=', '====', 'AAA\n', 'ä===', 'AA-_'])('refuses %j', (text) =>
  expect(bytesFromBase64(text)).toBeUndefined(),
);
