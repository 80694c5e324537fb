// Question: what does compaction cost, and what does it save? A day of small flushes (each some rows, some of them deleted again) is written twice, with
// compaction in the background and without; searches run all day long, and after it each side answers some one at a time. Then the side without
// is compacted in one go.
// Printed: the most segments that were searched, p50 and p99 of a search (over the day, after it, and while the one go runs), bytes in the object
// store for each byte of live vectors (space amplification), bytes of rows written to files for each byte that flushes wrote (write
// amplification), MB of sources a second.
//   node bench/compaction.mjs [--flushes 100] [--rows 400] [--dim 128]
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';
import { open } from '../dist/server/open.js';

const { values } = parseArgs({
  options: {
    flushes: { type: 'string', default: '100' },
    rows: { type: 'string', default: '400' },
    dim: { type: 'string', default: '128' },
  },
});
const [FLUSHES, ROWS, DIM] = [values.flushes, values.rows, values.dim].map(Number);
const NAME = 'day';
const SEARCHES = 200;
/** Far beyond what a call takes: a machine that is busy with other things makes the day longer, and does not end it. */
const CALL_MS_MAX = 600_000;
const at = (list, share) => [...list].sort((a, b) => a - b)[Math.floor(list.length * share)];
const MB = 1e6;

let seed = 1;
const next = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 4294967296 - 0.5;
};
const vector = () => Array.from({ length: DIM }, next);

async function bytesBelow(folder) {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return sizes.reduce((sum, one) => sum + (one?.isFile() ? one.size : 0), 0);
}

async function must(call) {
  const answer = await call;
  const { code, reason } = answer.status ?? answer;
  if (code) throw new Error(`${code}: ${reason}`);
  return answer;
}

async function search(client) {
  const data = vector();
  const begin = performance.now();
  await must(client.search({ collection_name: NAME, data, limit: 10 }));
  return performance.now() - begin;
}

const segmentsOf = async (client) =>
  (await client.getPersistentSegmentInfo({ collectionName: NAME })).infos.length;

async function start(path, autoCompaction, garbageIntervalMs) {
  const options = { logLevel: 'error', autoCompaction, compactionDelayMs: 200, garbageIntervalMs };
  const database = await open(path, options);
  return { path, database, client: new MilvusClient({ address: database.address, timeout: CALL_MS_MAX }) };
}

async function day(autoCompaction) {
  // Whatever is written stays until the day is over, and can be counted.
  const side = await start(await mkdtemp(join(tmpdir(), 'elanus-bench-')), autoCompaction, 3_600_000);
  const { path, database, client } = side;
  await must(
    client.createCollection({
      collection_name: NAME,
      fields: [
        { name: 'id', data_type: DataType.Int64, is_primary_key: true },
        { name: 'vector', data_type: DataType.FloatVector, dim: DIM },
      ],
    }),
  );
  await must(
    client.createIndex({
      collection_name: NAME,
      field_name: 'vector',
      index_type: 'FLAT',
      metric_type: 'L2',
    }),
  );
  await must(client.loadCollection({ collection_name: NAME }));
  const times = [];
  let segmentsMax = 0;
  let isOver = false;
  // Beside the writes, as clients of a day do.
  const searching = (async () => {
    while (!isOver) times.push(await search(client));
  })();
  for (let flush = 0; flush < FLUSHES; flush++) {
    const data = Array.from({ length: ROWS }, (_, row) => ({ id: flush * ROWS + row, vector: vector() }));
    await must(client.insert({ collection_name: NAME, data }));
    // A tenth of the rows of the flush before goes.
    const ids = Array.from({ length: Math.floor(ROWS / 10) }, (_, row) => (flush - 1) * ROWS + row * 10);
    if (flush > 0) await must(client.delete({ collection_name: NAME, ids }));
    await must(client.flushSync({ collection_names: [NAME] }));
    const { infos } = await must(client.getQuerySegmentInfo({ collectionName: NAME }));
    segmentsMax = Math.max(segmentsMax, infos.length);
  }
  isOver = true;
  await searching;
  console.log(
    `${(autoCompaction ? 'day with compaction' : 'day without').padEnd(22)} segments ${String(segmentsMax).padStart(5)}   search p50 ${at(times, 0.5).toFixed(2)} ms  p99 ${at(times, 0.99).toFixed(2)} ms   of ${times.length}`,
  );
  if (autoCompaction) await new Promise((resolve) => setTimeout(resolve, 8000));
  const written = await bytesBelow(join(path, 'objects', 'insert_log'));
  await client.closeConnection();
  await database.close();
  const again = await start(path, autoCompaction, 500);
  await new Promise((resolve) => setTimeout(resolve, 4000));
  return { ...again, written };
}

async function measured(client) {
  for (let warm = 0; warm < 20; warm++) await search(client);
  const times = [];
  for (let one = 0; one < SEARCHES; one++) times.push(await search(client));
  return { p50: at(times, 0.5), p99: at(times, 0.99) };
}

const liveBytes = (FLUSHES * ROWS - (FLUSHES - 1) * Math.floor(ROWS / 10)) * DIM * 4;
async function report(what, { path, client }) {
  const { p50, p99 } = await measured(client);
  const bytes = await bytesBelow(join(path, 'objects'));
  console.log(
    `${what.padEnd(22)} segments ${String(await segmentsOf(client)).padStart(5)}   search p50 ${p50.toFixed(2)} ms  p99 ${p99.toFixed(2)} ms   space x${(bytes / liveBytes).toFixed(2)}`,
  );
  return { p50, bytes };
}

/** Everything in one go, alone or with searches beside it. */
async function inOneGo(side, isSearched) {
  const before = await bytesBelow(join(side.path, 'objects', 'insert_log'));
  const times = [];
  const begin = performance.now();
  const { compactionID } = await must(side.client.compact({ collection_name: NAME }));
  while ((await side.client.getCompactionState({ compactionID })).state !== 'Completed') {
    if (isSearched) times.push(await search(side.client));
    else await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const seconds = (performance.now() - begin) / 1000;
  console.log(
    `compacted in one go${isSearched ? ' under searches' : ''}: ${(before / MB).toFixed(0)} MB in ${seconds.toFixed(2)} s, ${(before / MB / seconds).toFixed(0)} MB/s${isSearched ? `; ${times.length} searches, p50 ${at(times, 0.5)?.toFixed(2)} ms, worst ${Math.max(0, ...times).toFixed(2)} ms` : ''}`,
  );
  await new Promise((resolve) => setTimeout(resolve, 4000));
}

async function end({ path, database, client }) {
  await client.closeConnection();
  await database.close();
  await rm(path, { recursive: true, force: true });
}

console.log(
  `${FLUSHES} flushes of ${ROWS} rows, ${DIM} dimensions, ${(liveBytes / MB).toFixed(0)} MB of live vectors`,
);
const [without, quiet, background] = [await day(false), await day(false), await day(true)];
const plain = await report('without compaction', without);
const merged = await report('in the background', background);
console.log(`write amplification ${(background.written / without.written).toFixed(2)}`);
console.log(`a search takes ${(merged.p50 / plain.p50).toFixed(2)} of the time`);
await inOneGo(quiet, false);
await end(quiet);
await inOneGo(without, true);
await report('after one go', without);
await end(without);
await end(background);
