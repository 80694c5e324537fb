// DataCoord in a second OS process that starts late, dies and comes back, while root-coord and the clients of the database go on.
import { describe, expect, test } from 'vitest';
import { createDataCoordBroker } from '#roles/root-coord/data-coord-broker.js';
import { openSplit } from './broker-world.js';
import { connect, createLoaded, insertRange, mustSucceed, until } from './support.js';

describe('data-coord elsewhere', () => {
  test('started late: everything waits for it, then works', async () => {
    const world = await openSplit(1500);
    try {
      await createLoaded(world.client, 'late');
      await insertRange(world.client, 'late', 0, 10);
      expect(Number((await world.client.count({ collection_name: 'late' })).data)).toBe(10);
    } finally {
      await world.close();
    }
  });

  test('killed and restarted: calls of the meantime succeed, nothing is lost', async () => {
    const world = await openSplit();
    try {
      const broker = createDataCoordBroker(world.dataCoord, world.platform, { deadlineMs: 20_000 });
      await createLoaded(world.client, 'kept');
      const id = BigInt((await world.client.describeCollection({ collection_name: 'kept' })).collectionID);
      await insertRange(world.client, 'kept', 0, 1500);
      await mustSucceed(world.client.flushSync({ collection_names: ['kept'] }));
      const before = await broker.getFlushedSegments(id, -1n);
      const firstId = (await handshake(world.address)).serverId;

      await world.kill();
      // Writes and reads do not need it.
      await insertRange(world.client, 'kept', 1500, 1600);
      expect(Number((await world.client.count({ collection_name: 'kept' })).data)).toBe(1600);
      const soon = createDataCoordBroker(world.dataCoord, world.platform, { deadlineMs: 300 });
      const begin = performance.now();
      await expect(soon.getFlushedSegments(id, -1n)).rejects.toMatchObject({ key: 'service_unavailable' });
      expect(performance.now() - begin).toBeLessThan(600);
      // These wait while it comes back.
      const listed = broker.getFlushedSegments(id, -1n);
      const rows = Promise.all(before.map((segment) => broker.getNumRows(segment, false)));
      const flush = broker.flushOnCollection(id, []);
      const created = createLoaded(await other(), 'meanwhile');
      await world.start();
      expect((await handshake(world.address)).serverId).not.toBe(firstId);
      expect(await listed).toEqual(before);
      expect((await rows).reduce((sum, count) => sum + count, 0n)).toBe(1500n);
      expect((await flush).segmentIDs.length).toBeGreaterThanOrEqual(1);
      await created;
      await until('the rows of the flush in files', async () => {
        const counts = await Promise.all(
          (await broker.getFlushedSegments(id, -1n)).map((segment) => broker.getNumRows(segment, false)),
        );
        return counts.reduce((sum, count) => sum + count, 0n) === 1600n ? true : undefined;
      });
      expect(Number((await world.client.count({ collection_name: 'kept' })).data)).toBe(1600);
      await insertRange(world.client, 'meanwhile', 0, 5);
      expect(Number((await world.client.count({ collection_name: 'meanwhile' })).data)).toBe(5);

      async function other() {
        return connect(`127.0.0.1:${world.node.listener?.port}`);
      }
      async function handshake(address: string) {
        const { remoteClient } = await import('#rpc/service.js');
        const { ProcessDefinition } = await import('#proto/elanus/roles.js');
        const connection = world.platform.transport.connect(address);
        try {
          return await until('a handshake', () =>
            remoteClient(ProcessDefinition, (path, bytes, context) =>
              connection.call(path, bytes, context),
            ).handshake({
              role: 'data-coord',
            }),
          );
        } finally {
          connection.close();
        }
      }
    } finally {
      await world.close();
    }
  });

  test('never there: create collection fails by the deadline, typed, and leaves nothing', async () => {
    const world = await openSplit(0, { brokerDeadlineMs: 500 });
    try {
      await world.kill();
      const begin = performance.now();
      await expect(createLoaded(world.client, 'orphan')).rejects.toBeDefined();
      expect(performance.now() - begin).toBeLessThan(20_000);
      await world.start();
      await until('no trace of it', async () =>
        (await world.client.hasCollection({ collection_name: 'orphan' })).value === false ? true : undefined,
      );
      // The pause between two handshakes may be longer than this broker's short deadline.
      await until('the collection', () => createLoaded(world.client, 'orphan').then(() => true));
      await insertRange(world.client, 'orphan', 0, 3);
      expect(Number((await world.client.count({ collection_name: 'orphan' })).data)).toBe(3);
    } finally {
      await world.close();
    }
  });
});
