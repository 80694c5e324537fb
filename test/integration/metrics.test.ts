// docs/metrics.md names every family that /metrics shows, with its type and labels, and no other; and the figures are those of a day that is known.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Elanus, open } from '#server/open.js';
import { codesIn, rowsOf, section } from '../repository/documents.js';
import { connect, createLoaded, insertRange, mustSucceed, tempFolder, until } from './support.js';

const ROWS = 300;
let folder: Awaited<ReturnType<typeof tempFolder>>;
let database: Elanus;
let text = '';

const scrape = async (): Promise<string> => (await fetch(`http://${database.address}/metrics`)).text();
/** The sum of all series of a family that have these labels. */
const figure = (name: string, labels = ''): number =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) => line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);

beforeAll(async () => {
  folder = await tempFolder();
  const often = { compactionDelayMs: 10, garbageIntervalMs: 20 };
  database = await open(folder.path, { logLevel: 'silent', ...often });
  const client = await connect(database.address);
  await createLoaded(client, 'day', {});
  const flush = () => mustSucceed(client.flushSync({ collection_names: ['day'] }));
  await insertRange(client, 'day', 0, ROWS / 2);
  await flush();
  await insertRange(client, 'day', ROWS / 2, ROWS);
  await mustSucceed(client.delete({ collection_name: 'day', ids: [1, 2] }));
  await flush();
  await client.search({ collection_name: 'day', data: Array(8).fill(0), limit: 1 });
  await client.search({ collection_name: 'nobody', data: [1], limit: 1 }).catch(() => {});
  await client.flush({ collection_names: ['nobody'] });
  await mustSucceed(client.compact({ collection_name: 'day' }).then(({ status }) => status));
  await insertRange(client, 'day', ROWS, ROWS + 10);
  await until('segments were merged, and their files given back', async () => {
    text = await scrape();
    return figure('elanus_garbage_segments_removed_total') > 0 ? true : undefined;
  });
  await client.closeConnection();
});
afterAll(async () => {
  await database.close();
  await folder.remove();
});

test('docs/metrics.md has each family with its type, and no other', () => {
  const document = readFileSync(join(import.meta.dirname, '../../docs/metrics.md'), 'utf8');
  const onLinux = ['process_open_fds', 'process_max_fds'];
  const documented = rowsOf(section(document, '## Families'))
    .slice(1)
    .map(([name = '', type = '', labels = '']) => ({
      name: codesIn(name)[0] ?? '',
      type,
      labels: codesIn(labels),
    }))
    .filter(({ name }) => process.platform === 'linux' || !onLinux.includes(name));
  const shown = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
  expect(documented.map(({ name, type }) => `${name} ${type}`).sort()).toEqual(shown.sort());
  const wrong = documented.filter(({ name, labels }) => {
    const line = new RegExp(`^${name}(?:_count)?(?:\\{(.*)\\})? `, 'm').exec(text);
    const found = [...(line?.[1] ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label);
    return line !== null && found.join() !== labels.join();
  });
  expect(wrong).toEqual([]);
});

test('the figures are those of the day', () => {
  expect(figure('milvus_proxy_insert_vectors_count')).toBe(ROWS + 10);
  expect(figure('milvus_proxy_delete_vectors_count')).toBe(2);
  expect(figure('milvus_proxy_search_vectors_count')).toBe(1);
  expect(figure('elanus_proxy_req_failed_count', 'function_name="Flush",code="100"')).toBeGreaterThan(0);
  expect(figure('milvus_datanode_flushed_data_rows')).toBe(ROWS);
  expect(figure('milvus_datanode_flushed_data_size', 'L0')).toBeGreaterThan(0);
  expect(figure('milvus_querynode_entity_num', 'Growing')).toBe(10);
  expect(figure('milvus_rootcoord_collection_num', 'db_name="default"')).toBe(1);
  expect(figure('milvus_wal_append_message_total', 'status="ok"')).toBeGreaterThan(3);
  expect(figure('milvus_wal_append_message_total', 'status="error"')).toBe(0);
  expect(figure('elanus_compactions_total', 'status="success"')).toBeGreaterThan(0);
  expect(figure('elanus_compactions_total', 'status="fail"')).toBe(0);
  expect(figure('process_resident_memory_bytes')).toBeGreaterThan(2 ** 24);
  expect(figure('elanus_role_healthy')).toBe(7);
});
