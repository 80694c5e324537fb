// A server killed with SIGKILL while it deletes by a filter. After the restart all rows of a shard that passed are gone or none is, every
// delete that was acknowledged is whole, nothing else is gone, and what was gone at one restart does not come back at a later one.
import { DataType, type MilvusClient } from '@zilliz/milvus2-sdk-node';
import { expect, test } from 'vitest';
import { columnFromInt64 } from '#model/columns/column.js';
import { hashKeys } from '#roles/proxy/data/key-hashes.js';
import { type ServerProcess, startServer } from './server-process.js';
import { connect, createLoaded, insertRange, randomOf, tempFolder, until } from './support.js';

const ROWS = 12_000;
const GROUPS = 12;
const SHARDS = 2;
const KILLS = 6;
/** Mean time from the request to the kill: some deletes have come through by then, some have not begun. */
const WAIT_MS = 60;
const name = 'kill';
const groupOf = (id: number): number => id % GROUPS;
const ids = Array.from({ length: ROWS }, (_, id) => id);
const hashes = hashKeys(columnFromInt64(100n, ids.map(BigInt)), ROWS);
const shardOf = (id: number): number => (hashes[id] as number) % SHARDS;

async function restart(folder: string): Promise<{ server: ServerProcess; client: MilvusClient }> {
  const server = await startServer(folder);
  return { server, client: await connect(server.address) };
}

/** Group and shard of all rows that are there. */
async function countParts(client: MilvusClient): Promise<Map<string, number>> {
  const found = await until('the collection is served', async () => {
    const answer = await client.query({ collection_name: name, filter: 'group >= 0', output_fields: ['id'] });
    return answer.status.code === 0 ? answer.data : undefined;
  });
  const counts = new Map<string, number>();
  for (const { id } of found) {
    const part = `${groupOf(Number(id))}/${shardOf(Number(id))}`;
    counts.set(part, (counts.get(part) ?? 0) + 1);
  }
  return counts;
}

test('a delete by a filter is whole in a shard, or not there', { timeout: 120_000 }, async () => {
  const folder = await tempFolder();
  const random = randomOf(Number(process.env.KILL_SEED ?? 8));
  let { server, client } = await restart(folder.path);
  try {
    const fields = [{ name: 'group', data_type: DataType.Int32 }];
    await createLoaded(client, name, { shards: SHARDS, fields });
    const more = (id: number) => ({ group: groupOf(id) });
    await insertRange(client, name, 0, ROWS / 2, more);
    await client.flushSync({ collection_names: [name] });
    await insertRange(client, name, ROWS / 2, ROWS, more);
    let before = await countParts(client);
    const whole = new Map(before);
    expect([...whole.values()].reduce((sum, count) => sum + count, 0)).toBe(ROWS);
    for (let group = 0; group < KILLS; group++) {
      let isAcknowledged = false;
      const deleting = client.delete({ collection_name: name, filter: `group == ${group}` }).then(
        ({ status }) => {
          isAcknowledged = status.code === 0;
        },
        () => undefined,
      );
      const waitMs = (random() + 1) * WAIT_MS;
      await Promise.race([deleting, new Promise((resolve) => setTimeout(resolve, waitMs))]);
      server.kill('SIGKILL');
      await server.ended;
      const wasAcknowledged = isAcknowledged;
      await client.closeConnection();
      await deleting;
      ({ server, client } = await restart(folder.path));
      const after = await countParts(client);
      for (const [part, count] of whole) {
        const left = after.get(part) ?? 0;
        const isAsked = part.startsWith(`${group}/`);
        const allowed = !isAsked ? [before.get(part) ?? 0] : wasAcknowledged ? [0] : [0, count];
        expect(allowed, `group/shard ${part} after the delete of group ${group}`).toContain(left);
      }
      before = after;
    }
  } finally {
    await client.closeConnection();
    server.kill('SIGKILL');
    await server.ended;
    await folder.remove();
  }
});
