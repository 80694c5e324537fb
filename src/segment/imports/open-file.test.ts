// What unpacks to far more than is read of it takes turns with everybody else.
import { expect, it } from 'vitest';
import { openNodePlatform } from '#platform/node/node-platform.js';
import { CollectionSchema } from '#proto/milvus/schema.js';
import { slicesOf } from './open-file.js';
import { importLimits } from './reading.js';

it('slices that are at hand at once let others have a turn every few milliseconds', async () => {
  const memory = await openNodePlatform({ logLevel: 'silent' });
  await memory.objectStore.put('in/bomb.jsonl.zst', [Uint8Array.of(1)]);
  let [nowMs, turns, slices] = [0, 0, 0];
  const platform = {
    ...memory,
    objectStore: memory.objectStore,
    clock: { now: () => memory.clock.now(), monotonic: () => nowMs },
    timers: { ...memory.timers, yield: async () => void turns++ },
    decompression: {
      block: () => new Uint8Array(0),
      async *stream() {
        for (; slices < 1000; slices++) {
          nowMs += 1;
          yield new Uint8Array(128);
        }
      },
    },
  };
  const limits = { ...importLimits, fileBytesMax: 50_000 };
  const reading = {
    ...{ platform, limits, schema: CollectionSchema.create(), zone: undefined },
    ...{ csv: { separator: ',', nullKey: '' }, signal: new AbortController().signal },
    count: { bytes: 0, rows: 0 },
  };
  const group = { keys: ['in/bomb.jsonl.zst'], format: { kind: 'jsonl', codec: 'zstd' } } as const;
  const read = async (): Promise<void> => {
    for await (const _ of slicesOf(group, reading));
  };
  await expect(read()).rejects.toThrow('unpacks to more than 50000 bytes');
  expect(slices).toBe(390);
  expect(turns).toBeGreaterThan(slices / 10);
  await memory.close();
});
