// An index build that cannot succeed, as clients see it: failed with the reason in every call about an index, and finished once
// the cause is gone.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { open } from '#server/open.js';
import { connect, insertRange, keyField, mustSucceed, tempFolder, until, vectorField } from './support.js';

test('a damaged file fails the build; put right again, the index is built', async () => {
  const folder = await tempFolder();
  const database = await open(folder.path, { logLevel: 'silent' });
  const client = await connect(database.address);
  try {
    const name = 'damaged';
    await mustSucceed(client.createCollection({ collection_name: name, fields: [keyField, vectorField] }));
    await insertRange(client, name, 0, 2000);
    await mustSucceed(client.flushSync({ collection_names: [name] }));
    const log = join(folder.path, 'objects/insert_log');
    const damaged = (await readdir(log, { recursive: true }))
      .map((path) => join(log, path))
      .find((path) => /\/101\/\d+\.parquet$/.test(path));
    if (damaged === undefined) throw new Error('no file of the vectors');
    const whole = await readFile(damaged);
    await writeFile(damaged, whole.subarray(0, whole.length - 9));

    const index = { collection_name: name, field_name: 'vector' };
    await mustSucceed(client.createIndex({ ...index, index_type: 'FLAT', metric_type: 'L2' }));
    const described = async () =>
      (await client.describeIndex({ collection_name: name })).index_descriptions[0];
    const failed = await until('the failure', async () => {
      const one = await described();
      return one?.state === 'Failed' ? one : undefined;
    });
    expect(failed.index_state_fail_reason).toMatch(/CRC-32/);
    expect(Number(failed.pending_index_rows)).toBe(2000);
    expect(await client.getIndexState(index)).toMatchObject({
      state: 'Failed',
      fail_reason: expect.stringMatching(/CRC-32/),
    });

    await writeFile(damaged, whole);
    await until('the index', async () => ((await described())?.state === 'Finished' ? true : undefined));
    expect(await client.getIndexState(index)).toMatchObject({ state: 'Finished', fail_reason: '' });
    expect((await described())?.index_state_fail_reason).toBe('');
  } finally {
    await client.closeConnection();
    await database.close();
    await folder.remove();
  }
});
