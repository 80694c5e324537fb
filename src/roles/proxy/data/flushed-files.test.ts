// A flush waits for its files no longer than its client does.
import { expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { onAbort } from '#base/on-abort.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import type { CallContext } from '#platform/transport.js';
import { withinFlushWait } from './flushed-files.js';

/** A wait for files that never come, as a streaming-node ends it. */
const forever = ({ signal }: CallContext): Promise<never> =>
  new Promise((_, reject) => {
    onAbort(signal, () => reject(new ElanusError('deadline_exceeded', 'not in time')));
  });

test.each([
  ['the client goes after a second', 1000, undefined, 1000],
  ['nobody goes', undefined, undefined, 10_000],
  ['half of the time that the client has is over', undefined, 8000, 4000],
])('%s', async (_what, goneMs, deadlineMs, expectedMs) => {
  const cluster = simulatedCluster(5);
  const { world } = cluster;
  const platform = openMemoryPlatform({ cluster, host: 'here' });
  const client = new AbortController();
  if (goneMs !== undefined) platform.timers.after(goneMs, () => client.abort());
  const begin = world.now;
  const context = {
    ...{ signal: client.signal, metadata: {} },
    ...(deadlineMs === undefined ? {} : { deadlineMs: world.clock.now() + deadlineMs }),
  };
  expect(await world.runUntil(withinFlushWait({ platform }, context, forever))).toBeUndefined();
  expect(world.now - begin).toBe(expectedMs);
});

test('what is asked of another process is given up, and is no failure of the flush', async () => {
  const cluster = simulatedCluster(5);
  const { world } = cluster;
  const platform = openMemoryPlatform({ cluster, host: 'here' });
  const elsewhere = ({ signal }: CallContext): Promise<never> =>
    new Promise((_, reject) => {
      onAbort(signal, () => reject(new ElanusError('cancelled', 'cancelled by its caller')));
    });
  const staying = { signal: new AbortController().signal, metadata: {} };
  expect(await world.runUntil(withinFlushWait({ platform }, staying, elsewhere))).toBeUndefined();
  const client = new AbortController();
  platform.timers.after(1000, () => client.abort());
  const going = { signal: client.signal, metadata: {} };
  await expect(world.runUntil(withinFlushWait({ platform }, going, elsewhere))).rejects.toMatchObject({
    key: 'cancelled',
  });
});
