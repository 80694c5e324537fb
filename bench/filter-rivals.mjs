// The same predicates beside databases that a user could ask instead: `count` over one table of numbers, texts, JSON and lists. In process
// and on one thread: our evaluator, DuckDB (threads = 1) and SQLite; then through their clients: a server of ours and Milvus Lite (Python).
// Everyone takes a turn in each round; medians of CPU time in process, of wall time through clients. Run on a built tree:
//   node bench/filter-rivals.mjs [--rows N] [--rounds N] [--skip-clients] [--skip-process]
//     [--client-rows N] [--quick] [--only PART-OF-A-NAME,…]
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FilterEvaluator } from '../dist/expr/evaluate/filter-evaluator.js';
import { checkFilter } from '../dist/expr/filter.js';
import { CollectionSchema, DataType } from '../dist/proto/milvus/schema.js';
import { predicates as allPredicates, makeRows } from './filter-cases.mjs';
import { MilvusClient } from './milvus.mjs';
import { loadRival } from './rivals.mjs';
import { startServer } from './server-process.mjs';

const { values: args } = parseArgs({
  options: {
    rows: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    'skip-clients': { type: 'boolean', default: false },
    'skip-process': { type: 'boolean', default: false },
    'client-rows': { type: 'string', default: '50000' },
  },
});
const ROWS = Number(args.rows ?? (args.quick ? 20_000 : 1_000_000));
const ROUNDS = Number(args.rounds ?? (args.quick ? 2 : 5));
const predicates = allPredicates.filter(([name]) => args.only.split(',').some((part) => name.includes(part)));
/** Milvus Lite takes minutes to load a million rows: unless more are asked for, clients get fewer, and the rates are per row. */
const CLIENT_ROWS = Math.min(ROWS, Number(args['client-rows']));
const MILVUS_LITE = '3.2.2';
const PYMILVUS = '3.0.2';
const here = dirname(fileURLToPath(import.meta.url));
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const field = (fieldID, name, dataType, more = {}) => ({ fieldID: BigInt(fieldID), name, dataType, ...more });
const schema = CollectionSchema.fromPartial({
  name: 'rows',
  fields: [
    field(100, 'id', DataType.Int64, { isPrimaryKey: true }),
    field(101, 'n', DataType.Int32),
    field(102, 'big', DataType.Int64),
    field(103, 'score', DataType.Double),
    field(104, 'title', DataType.VarChar, { typeParams: [{ key: 'max_length', value: '100' }] }),
    field(105, 'meta', DataType.JSON),
    field(106, 'tags', DataType.Array, {
      elementType: DataType.Int64,
      typeParams: [{ key: 'max_capacity', value: '8' }],
    }),
  ],
});

/** Ours in process: the evaluator over columns, each filter read from its text. */
async function ours() {
  const utf8 = new TextEncoder();
  const NONE = new Uint8Array(0);
  const fixed = (form, values) => ({ kind: 'fixed', form, values, valid: NONE });
  const [n, big, score] = [new Int32Array(ROWS), new BigInt64Array(ROWS), new Float64Array(ROWS)];
  const texts = { title: [], meta: [] };
  const offsets = { title: new Uint32Array(ROWS + 1), meta: new Uint32Array(ROWS + 1) };
  const tags = new BigInt64Array(ROWS * 4);
  for (const row of makeRows(ROWS)) {
    n[row.id] = row.n;
    big[row.id] = BigInt(row.big);
    score[row.id] = row.score;
    for (const [name, text] of [
      ['title', row.title],
      ['meta', JSON.stringify(row.meta)],
    ]) {
      texts[name].push(text);
      offsets[name][row.id + 1] = offsets[name][row.id] + text.length;
    }
    row.tags.forEach((tag, at) => {
      tags[row.id * 4 + at] = BigInt(tag);
    });
  }
  const variable = (name) => ({
    kind: 'variable',
    data: utf8.encode(texts[name].join('')),
    offsets: offsets[name],
    valid: NONE,
  });
  const columns = new Map([
    [101n, fixed('int32', n)],
    [102n, fixed('int64', new Int32Array(big.buffer))],
    [103n, fixed('double', score)],
    [104n, variable('title')],
    [105n, variable('meta')],
    [
      106n,
      {
        kind: 'variable',
        data: new Uint8Array(tags.buffer),
        offsets: Uint32Array.from({ length: ROWS + 1 }, (_, row) => row * 32),
        valid: NONE,
      },
    ],
  ]);
  const source = { view: (fieldId) => columns.get(fieldId) };
  const bits = new Uint32Array(Math.ceil(ROWS / 32));
  return {
    name: 'Elanus',
    count: async ([, filter], shift) => {
      const { predicate } = checkFilter(schema, { text: filter(shift) });
      return new FilterEvaluator(predicate, source).evaluate(0, ROWS, bits);
    },
  };
}

async function duckdb() {
  const module = loadRival('@duckdb/node-api', '1.5.6-r.1');
  if (module === undefined) return undefined;
  const instance = await module.DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const folder = await mkdtemp(join(tmpdir(), 'elanus-bench-'));
  const file = join(folder, 'rows.json');
  const out = createWriteStream(file);
  for (const row of makeRows(ROWS))
    if (!out.write(`${JSON.stringify(row)}\n`)) await new Promise((resolve) => out.once('drain', resolve));
  await new Promise((resolve) => out.end(resolve));
  const types = `{id: 'BIGINT', n: 'INTEGER', big: 'BIGINT', score: 'DOUBLE', title: 'VARCHAR', meta: 'JSON', tags: 'BIGINT[]'}`;
  await connection.run(`create table t as select * from read_json('${file}', columns = ${types})`);
  await rm(folder, { recursive: true });
  return {
    name: 'DuckDB',
    count: async ([, , sql], shift) => {
      const reader = await connection.runAndReadAll(`select count(*) from t where ${sql(shift)}`);
      return Number(reader.getRows()[0][0]);
    },
  };
}

async function sqlite() {
  const { DatabaseSync } = await import('node:sqlite').catch(() => ({}));
  if (DatabaseSync === undefined) return undefined;
  const database = new DatabaseSync(':memory:');
  database.exec(
    'create table t (id integer primary key, n integer, big integer, score real, title text, meta text)',
  );
  const insert = database.prepare('insert into t values (?, ?, ?, ?, ?, ?)');
  database.exec('begin');
  for (const { id, n, big, score, title, meta } of makeRows(ROWS))
    insert.run(id, n, big, score, title, JSON.stringify(meta));
  database.exec('commit');
  return {
    name: 'SQLite',
    count: async ([, , , sql], shift) =>
      sql === undefined
        ? undefined
        : database.prepare(`select count(*) as n from t where ${sql(shift)}`).get().n,
  };
}

/** @returns rows a second for each predicate, by name; undefined where one has no such predicate */
async function measure(parties, rows, clock) {
  const times = parties.map(() => predicates.map(() => []));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [at, predicate] of predicates.entries()) {
      const counts = new Set();
      for (const [who, party] of parties.entries()) {
        const begin = clock();
        const count = await party.count(predicate, round);
        if (count === undefined) continue;
        counts.add(count);
        // The first round warms up.
        if (round > 0) times[who][at].push(clock() - begin);
      }
      if (counts.size > 1) throw new Error(`${predicate[0]}: the counts differ: ${[...counts].join(', ')}`);
    }
  }
  return times.map((one) => one.map((list) => (list.length === 0 ? undefined : rows / median(list) / 1e6)));
}

function print(parties, rates) {
  const [first, ...others] = parties.map(({ name }) => name);
  console.log(
    `| filter | ${first}, million rows/s | ${others.map((name) => `${name} | ${first} / ${name}`).join(' | ')} |`,
  );
  console.log(`|${' --- |'.repeat(2 + others.length * 2)}`);
  const shown = (rate) => (rate === undefined ? 'none' : rate.toPrecision(3));
  for (const [at, [name]] of predicates.entries()) {
    const mine = rates[0][at];
    const cells = others.map((_, who) => {
      const rate = rates[who + 1][at];
      return `${shown(rate)} | ${rate === undefined ? '' : (mine / rate).toPrecision(3)}`;
    });
    console.log(`| ${name} | ${shown(mine)} | ${cells.join(' | ')} |`);
  }
}

async function elanusServer() {
  const server = await startServer();
  const client = new MilvusClient({ address: server.address });
  await client.createCollection({
    collection_name: 't',
    consistency_level: 'Strong',
    fields: [
      { name: 'id', data_type: 'Int64', is_primary_key: true },
      { name: 'n', data_type: 'Int32' },
      { name: 'big', data_type: 'Int64' },
      { name: 'score', data_type: 'Double' },
      { name: 'title', data_type: 'VarChar', max_length: 100 },
      { name: 'meta', data_type: 'JSON' },
      { name: 'tags', data_type: 'Array', element_type: 'Int64', max_capacity: 8 },
      { name: 'v', data_type: 'FloatVector', dim: 2 },
    ],
  });
  await client.createIndex({ collection_name: 't', field_name: 'v', index_type: 'FLAT', metric_type: 'L2' });
  await client.loadCollectionSync({ collection_name: 't' });
  let batch = [];
  const send = async () => {
    const { status } = await client.insert({ collection_name: 't', data: batch });
    if (status.code !== 0) throw new Error(status.reason);
    batch = [];
  };
  for (const row of makeRows(CLIENT_ROWS)) {
    batch.push({ ...row, v: [0.5, 0.5] });
    if (batch.length === 5000) await send();
  }
  if (batch.length > 0) await send();
  await client.flushSync({ collection_names: ['t'] });
  return {
    name: 'Elanus server',
    count: async ([, filter], shift) => {
      const { status, data } = await client.query({
        collection_name: 't',
        filter: filter(shift),
        output_fields: ['count(*)'],
      });
      if (status.code !== 0) throw new Error(`${filter(shift).slice(0, 100)}: ${status.reason}`);
      return Number(data[0]['count(*)']);
    },
    close: async () => {
      await client.closeConnection();
      await server.stop();
    },
  };
}

/** A Python process that counts on demand: a line with a filter in, a line with the count out. */
async function milvusLite() {
  const venv = join(here, '.rivals', `milvus-lite@${MILVUS_LITE}`);
  const python = join(venv, 'bin/python');
  if (!existsSync(python)) {
    console.error(`installing milvus-lite@${MILVUS_LITE} into ${venv} ...`);
    const made =
      spawnSync('python3', ['-m', 'venv', venv]).status === 0 &&
      spawnSync(python, [
        '-m',
        'pip',
        'install',
        '-q',
        `milvus-lite==${MILVUS_LITE}`,
        `pymilvus==${PYMILVUS}`,
      ]).status === 0;
    if (!made) {
      console.error('it did not install, left out');
      await rm(venv, { recursive: true, force: true });
      return undefined;
    }
  }
  const folder = await mkdtemp(join(tmpdir(), 'elanus-bench-'));
  const child = spawn(python, [join(here, 'milvus_lite_filter.py'), join(folder, 'rows.db')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request) => {
    if (!child.stdin.write(`${JSON.stringify(request)}\n`))
      await new Promise((resolve) => child.stdin.once('drain', resolve));
    const { value, done } = await lines.next();
    if (done) throw new Error('Milvus Lite ended');
    return JSON.parse(value);
  };
  let batch = [];
  for (const row of makeRows(CLIENT_ROWS)) {
    batch.push({ ...row, v: [0.5, 0.5] });
    if (batch.length === 5000 || row.id === CLIENT_ROWS - 1) {
      await ask({ insert: batch });
      batch = [];
    }
  }
  return {
    name: 'Milvus Lite',
    count: async ([, filter], shift) => {
      const { count } = await ask({ filter: filter(shift) });
      return count ?? undefined;
    },
    close: async () => {
      child.stdin.end();
      await new Promise((resolve) => child.once('exit', resolve));
      await rm(folder, { recursive: true });
    },
  };
}

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
if (!args['skip-process']) {
  const inProcess = (await Promise.all([ours(), duckdb(), sqlite()])).filter((party) => party !== undefined);
  console.log(
    `${ROWS.toLocaleString('en')} rows in process, one thread, CPU time, median of ${ROUNDS} rounds, Node ${process.version}\n`,
  );
  print(inProcess, await measure(inProcess, ROWS, cpuSeconds));
}

if (!args['skip-clients']) {
  const served = (await Promise.all([elanusServer(), milvusLite()])).filter((party) => party !== undefined);
  console.log(
    `\n${CLIENT_ROWS.toLocaleString('en')} rows through clients: count(*), wall time, each filter new in each round\n`,
  );
  print(served, await measure(served, CLIENT_ROWS, () => performance.now() / 1000));
  for (const party of served) await party.close();
}
