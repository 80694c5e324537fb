// What becomes of a write whose process is gone: it goes again until the deadline, and says that it may have been carried out.
import { expect, test } from 'vitest';
import { ElanusError, type ErrorKey } from '#base/errors.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { NotSentError } from '#rpc/remote-role.js';
import { SentWrites } from './sent-writes.js';

type Parts = ConstructorParameters<typeof SentWrites>[0];
type Sent = Parameters<Parts['streamingNode']['append']>[0];

/** An owner that refuses a write in these ways, one after another, and takes it then. */
function owners(refusals: readonly ElanusError[], { isHere = false } = {}) {
  const cluster = simulatedCluster(1);
  const platform = openMemoryPlatform({ cluster, host: 'proxy' });
  const sent: Sent[] = [];
  let asked = 0;
  const { append } = new SentWrites({
    platform,
    settings: { serverId: 7n, callDeadlineMs: 5000 },
    rootCoord: {
      allocTimestamp: async () => {
        asked++;
        return { status: undefined, timestamp: 90n, count: 1 };
      },
    },
    streamingNode: {
      append: async (write: Sent) => {
        sent.push(write);
        const refusal = refusals[sent.length - 1];
        if (refusal !== undefined) throw refusal;
        return { status: undefined, timestamp: 100n };
      },
    },
    nodes: { of: () => [{ serverId: 1n, address: isHere ? undefined : 'stream:1', epoch: 1 }] },
  });
  const write = () =>
    cluster.world.runUntil(
      append(
        { vchannel: 'x_1v0' },
        { signal: new AbortController().signal, metadata: {}, deadlineMs: platform.clock.now() + 2000 },
      ),
    );
  return { write, sent, asked: () => asked };
}
const refusal = (key: ErrorKey): ElanusError => new ElanusError(key, `refused: ${key}`);
const afterOf = (sent: readonly Sent[]) => sent.map(({ sentAfter = 0n }) => sentAfter);

test.each(['wal_fenced', 'service_unavailable', 'node_mismatch'] as const)(
  'goes again after %s',
  async (key) => {
    const { write, sent } = owners([refusal(key), refusal('channel_not_available')]);
    expect((await write()).timestamp).toBe(100n);
    expect(new Set(sent.map(({ writeId }) => `${writeId?.writer}/${writeId?.number}`))).toEqual(
      new Set(['7/1']),
    );
    expect(afterOf(sent)).toEqual([0n, 90n, 90n]);
  },
);

test('that nobody carried out goes again as for the first time', async () => {
  const unsent = new NotSentError('service_unavailable', 'the connection was closed');
  const { write, sent } = owners([unsent, refusal('service_not_ready')]);
  await write();
  expect(afterOf(sent)).toEqual([0n, 0n, 0n]);
});

test.each([
  'channel_not_available',
  'rows_changed',
  'outcome_unknown',
  'queue_full',
  'shard_stopped',
] as const)('that is refused with %s ends', async (key) => {
  const { write, sent } = owners([refusal(key)]);
  await expect(write()).rejects.toMatchObject({ key });
  expect(sent).toHaveLength(1);
});

// By such a code a client would write its rows once more, and the first try may have written them.
test.each(['queue_full', 'memory_insufficient', 'schema_mismatch'] as const)(
  'that broke off and is refused with %s then goes again, and is never said to be undone',
  async (key) => {
    const { write, sent } = owners([refusal('service_unavailable'), refusal(key)]);
    expect((await write()).timestamp).toBe(100n);
    expect(afterOf(sent)).toEqual([0n, 90n, 90n]);
    const full = owners([refusal('service_unavailable'), ...Array.from({ length: 100 }, () => refusal(key))]);
    await expect(full.write()).rejects.toMatchObject({ key: 'service_unavailable' });
  },
);

test('says at its deadline that it may have been carried out', async () => {
  const fenced = owners(Array.from({ length: 100 }, () => refusal('wal_fenced')));
  await expect(fenced.write()).rejects.toMatchObject({
    key: 'service_unavailable',
    message: expect.stringContaining('whether it was carried out is not known'),
  });
  expect(fenced.sent.length).toBeGreaterThan(5);
});

test('asks for a time once for writes that follow each other, and for none where the owner is in the process', async () => {
  const { write, asked } = owners([]);
  for (let time = 0; time < 3; time++) await write();
  expect(asked()).toBe(1);
  const here = owners([refusal('service_unavailable')], { isHere: true });
  await expect(here.write()).rejects.toMatchObject({ key: 'service_unavailable' });
  expect([here.asked(), here.sent[0]?.writeId]).toEqual([0, undefined]);
});
