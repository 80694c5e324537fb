import { describe, expect, it } from 'vitest';
import { DeleteRequest, LoadCollectionRequest } from '#proto/milvus/milvus.js';
import { putEntry } from './map-entry.js';

// An object literal would take it for its prototype.
const lost = (value: unknown): object => JSON.parse(`{"__proto__": ${JSON.stringify(value)}}`) as object;

describe('the key __proto__ of a map', () => {
  it('is refused where a message is read', () => {
    expect(() => putEntry({}, '__proto__', 1)).toThrow('__proto__');
    const map: Record<string, number> = {};
    putEntry(map, 'constructor', 1);
    expect(map).toEqual({ constructor: 1 });
  });

  it.each([
    ['of texts', () => LoadCollectionRequest.fromPartial({ loadParams: lost('high') })],
    [
      'of messages',
      () =>
        DeleteRequest.fromPartial({
          exprTemplateValues: lost({ val: { $case: 'int64Val', value: 1n.toString() } }),
        }),
    ],
  ])('is refused where a message is made of parts: %s', (_what, make) => {
    expect(make).toThrow('a map of the request has the key __proto__');
  });
});
