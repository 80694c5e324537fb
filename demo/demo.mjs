// The demo: a database opened inside this process, filled through the Milvus client with the vectors of 341,479 English words, searched,
// changed, stopped, and opened again. It ends with exit code 1 when anything is not as it was before the stop.
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { open } from 'elanus';
import { count, progressBar, say, seconds, table } from './progress.mjs';
import { WordCollection } from './word-collection.mjs';
import { DIM, fetchWordVectors, readWordVectors, WORD_COUNT } from './word-vectors.mjs';

const dataFolder = join(dirname(fileURLToPath(import.meta.url)), '.data');
const databaseFolder = join(dataFolder, 'db');
const BATCH_ROWS = 2000;
const SEARCHES = 200;
const SHOWN_WORDS = ['king', 'python', 'coffee', 'happy'];
const DELETED_WORDS = ['queen', 'prince', 'tea'];
const NEW_WORD = 'elanus';

const failures = [];
function check(isTrue, claim) {
  say(`  ${isTrue ? 'ok  ' : 'FAIL'} ${claim}`);
  if (!isTrue) failures.push(claim);
}

const now = () => performance.now();
const sortedByWord = (rows) => [...rows].sort((a, b) => (a.word < b.word ? -1 : 1));
const percentile = (sorted, fraction) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))];
const diskBytes = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
const megabytes = (bytes) => `${count(bytes / 1e6)} MB`;

async function loadWords(words, file) {
  const fileBytes = statSync(file).size;
  const bar = progressBar('insert');
  const begin = now();
  let rows = [];
  let sent = 0;
  const checked = [];
  const send = async (bytes) => {
    await words.insert(rows);
    sent += rows.length;
    rows = [];
    bar.show(bytes / fileBytes, `${count(sent)} rows, ${count(sent / ((now() - begin) / 1000))} rows/s`);
  };
  for await (const { word, vector, bytes } of readWordVectors(file)) {
    const rank = sent + rows.length;
    if (rank % 1500 === 0) checked.push({ word, vector });
    rows.push({ word, rank, vector });
    if (rows.length === BATCH_ROWS) await send(bytes);
  }
  if (rows.length > 0) await send(fileBytes);
  const ms = now() - begin;
  bar.done(
    `  insert: ${count(sent)} rows in ${seconds(ms)}, ${count(sent / (ms / 1000))} rows/s (reading the JSON included)`,
  );
  return { sent, ms, checked };
}

async function neighbours(words) {
  const found = {};
  const rows = await words.get(SHOWN_WORDS);
  for (const word of SHOWN_WORDS) {
    const row = rows.find((candidate) => candidate.word === word);
    found[word] = (await words.search(row.vector, 7))
      .filter((hit) => hit.word !== word)
      .map((hit) => ({ word: hit.word, score: hit.score }));
  }
  return found;
}

async function searchLatencies(words, checked) {
  const times = [];
  for (let i = 0; i < SEARCHES; i++) {
    const begin = now();
    await words.search(checked[i % checked.length].vector);
    times.push(now() - begin);
  }
  return times.sort((a, b) => a - b);
}

function showNeighbours(found) {
  for (const [word, hits] of Object.entries(found))
    say(`  ${word.padEnd(7)} ${hits.map((hit) => `${hit.word} ${hit.score.toFixed(3)}`).join('  ')}`);
}

/** What must be the same before a stop and after it. */
async function readState(words, checked) {
  return {
    count: await words.count(),
    neighbours: await neighbours(words),
    deleted: await words.count(DELETED_WORDS),
    upserted: await words.get([NEW_WORD]),
    sample: sortedByWord(await words.get(checked.map(({ word }) => word))),
  };
}

/** The process that has the database open, from the folder's LOCK file: a second `npm run demo`, or a server on these words. */
function holderOfDatabase() {
  try {
    const { pid } = JSON.parse(readFileSync(join(databaseFolder, 'LOCK'), 'utf8'));
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

function stop(message, code) {
  say(`\n${message}`);
  process.exit(code);
}

process.on('uncaughtException', (error) => stop(`The demo ended early: ${error.message}`, 1));
process.on('SIGINT', () => stop('Stopped. `npm run demo` starts over, with the word vectors it has.', 130));
const holder = holderOfDatabase();
if (holder !== undefined)
  stop(
    `demo/.data/db is open in process ${holder}: stop it (Ctrl-C there), then run the demo again. Nothing was changed.`,
    1,
  );

say('\n1. Data');
const file = await fetchWordVectors(join(dataFolder, 'vectors'));
say(
  `  ${count(WORD_COUNT)} English words, ${DIM} numbers each, from ${file.slice(file.indexOf('wink-'))} (${megabytes(statSync(file).size)})`,
);

say('\n2. Open a database in this process and fill it through the Milvus client');
rmSync(databaseFolder, { recursive: true, force: true });
const openBegin = now();
let database = await open(databaseFolder);
const openMs = now() - openBegin;
say(`  open('demo/.data/db') took ${count(openMs)} ms; a Milvus server answers on ${database.address}`);
let words = new WordCollection(database.address);
await words.create();
const loaded = await loadWords(words, file);
const flushBegin = now();
await words.flush();
const flushMs = now() - flushBegin;
const loadBegin = now();
await words.load();
const loadMs = now() - loadBegin;
say(`  flush to Parquet ${seconds(flushMs)}, load ${seconds(loadMs)}`);
check((await words.count()) === WORD_COUNT && loaded.sent === WORD_COUNT, `count(*) is ${count(WORD_COUNT)}`);

say('\n3. Search: the nearest words by cosine');
showNeighbours(await neighbours(words));
const latencies = await searchLatencies(words, loaded.checked);

say('\n4. Delete three words, add one (its vector: king - man + woman)');
const [king, man, woman, queen] = await Promise.all(
  ['king', 'man', 'woman', 'queen'].map(async (word) => (await words.get([word]))[0]),
);
await words.delete(DELETED_WORDS);
await words.upsert([
  {
    word: NEW_WORD,
    rank: WORD_COUNT,
    vector: king.vector.map((value, i) => value - man.vector[i] + woman.vector[i]),
  },
]);

await words.upsert([{ ...king, rank: -1 }]);
const before = await readState(words, loaded.checked);
say(
  `  ${NEW_WORD.padEnd(7)} ${(await words.search(before.upserted[0].vector, 7)).map((hit) => `${hit.word} ${hit.score.toFixed(3)}`).join('  ')}`,
);
check(
  before.count === WORD_COUNT - DELETED_WORDS.length + 1,
  `count(*) is ${count(WORD_COUNT)} - 3 + 1 = ${count(before.count)}`,
);
check(
  before.deleted === 0 && !before.neighbours.king.some(({ word }) => DELETED_WORDS.includes(word)),
  `${DELETED_WORDS.join(', ')} are gone, also from the neighbours of king`,
);
check(
  (await words.search(queen.vector, 1))[0].word !== 'queen',
  'a search with the old vector of queen finds another word',
);
check((await words.get(['king'], ['rank']))[0].rank === '-1', 'the upsert of king replaced its row');
const source = new Map(loaded.checked.map(({ word, vector }) => [word, vector.map(Math.fround)]));
check(
  before.sample.length === source.size &&
    before.sample.every(({ word, vector }) => isDeepStrictEqual(vector, source.get(word))),
  `${source.size} sampled vectors equal the source file, number by number`,
);

say('\n5. Stop, and open the same folder again');
await words.close();
const closeBegin = now();
await database.close();
const closeMs = now() - closeBegin;
const bytesOnDisk = diskBytes(databaseFolder);
const restartBegin = now();
database = await open(databaseFolder);
const reopenMs = now() - restartBegin;
words = new WordCollection(database.address);
await words.load();
await words.search(king.vector, 1);
const restartMs = now() - restartBegin;
const after = await readState(words, loaded.checked);
check(after.count === before.count, `count(*) is still ${count(after.count)}`);
check(
  isDeepStrictEqual(after.neighbours, before.neighbours),
  `the neighbours of ${SHOWN_WORDS.join(', ')} are the same, scores too`,
);
check(after.deleted === 0, 'the deleted words stay deleted');
check(
  isDeepStrictEqual(after.upserted, before.upserted) && after.upserted.length === 1,
  `the word ${NEW_WORD} is still there`,
);
check(isDeepStrictEqual(after.sample, before.sample), `${after.sample.length} sampled rows are the same`);
const latenciesAfter = await searchLatencies(words, loaded.checked);
const rss = process.memoryUsage().rss;
await words.close();
await database.close();

say(`\n6. Numbers (Node ${process.versions.node}; client and server share this process)`);
table([
  [
    'insert',
    `${count(loaded.sent / (loaded.ms / 1000))} rows/s`,
    `${((loaded.sent * DIM * 4) / 1e6 / (loaded.ms / 1000)).toFixed(1)} MB/s of vectors, batches of ${count(BATCH_ROWS)}, each durable before it is acknowledged`,
  ],
  ['flush', seconds(flushMs), 'the remaining rows into Parquet files'],
  [
    'search p50',
    `${percentile(latencies, 0.5).toFixed(1)} ms`,
    `top 10 of ${count(WORD_COUNT)}, exact (recall 1), one at a time, over gRPC`,
  ],
  ['search p99', `${percentile(latencies, 0.99).toFixed(1)} ms`],
  [
    'after restart',
    `${percentile(latenciesAfter, 0.5).toFixed(1)} ms`,
    `p50; p99 ${percentile(latenciesAfter, 0.99).toFixed(1)} ms`,
  ],
  ['stop', seconds(closeMs)],
  [
    'restart',
    seconds(restartMs),
    `open ${count(reopenMs)} ms, then the rows are loaded and the first search answers`,
  ],
  ['memory', megabytes(rss), 'resident, client and reader included'],
  ['disk', megabytes(bytesOnDisk), `the vectors themselves are ${megabytes(WORD_COUNT * DIM * 4)}`],
]);

if (failures.length > 0) {
  say(`\n${failures.length} claim(s) do not hold:\n${failures.map((claim) => `  - ${claim}`).join('\n')}`);
  process.exit(1);
}

say(`
All as it was. What to try next
  npm start -- --data demo/.data/db --port 19530   serve these words to any Milvus client, in any language
  find demo/.data/db/objects/insert_log -type f    Parquet files: DuckDB's read_parquet opens them
  docs/compat.md                                   which calls work in this version
`);
process.exit(0);
