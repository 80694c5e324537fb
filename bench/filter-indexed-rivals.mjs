// Filters that an index answers, beside databases with their own indexes over the same table: our plan over STL_SORT, Trie, NGRAM, INVERTED, JSON
// path and RTREE indexes, SQLite with CREATE INDEX (also over expressions of JSON) and DuckDB with CREATE INDEX (its ART; none over JSON) on one thread. Each
// counts; every round asks for another value, and each party takes its turn. DuckDB's spatial extension is downloaded when it is asked for:
// where that fails there is no rival for geometries.
// Metric: milliseconds a filter, from its text (a prepared statement in SQLite) to the count; median of the rounds. Run on a built tree:
//   node bench/filter-indexed-rivals.mjs [--rows N] [--rounds N] [--quick]
import { parseArgs } from 'node:util';
import { nextBelow, seededRandom } from '../dist/base/random.js';
import { viewOf } from '../dist/expr/evaluate/column-view.js';
import { checkFilter } from '../dist/expr/filter.js';
import { scalarBuild } from '../dist/index/scalar/build-scalar-index.js';
import { decodeScalarIndexFile } from '../dist/index/scalar/scalar-index-file.js';
import { encodeWkb } from '../dist/model/geometry/wkb.js';
import { CollectionSchema, DataType } from '../dist/proto/milvus/schema.js';
import { planFilter } from '../dist/segment/filters/filter-plan.js';
import { runPlan } from '../dist/segment/filters/run-plan.js';
import { scanNanos } from '../dist/segment/filters/scan-cost.js';
import { bestSource } from '../dist/segment/filters/segment-facts.js';
import { makeRows } from './filter-cases.mjs';
import { loadRival } from './rivals.mjs';

const { values: args } = parseArgs({
  options: {
    rows: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const ROWS = Number(args.rows ?? (args.quick ? 20_000 : 1_000_000));
const ROUNDS = Number(args.rounds ?? (args.quick ? 3 : 15));
const NONE = new Uint8Array(0);
const utf8 = new TextEncoder();
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const field = (id, name, dataType, more = {}) => ({ fieldID: BigInt(id), name, dataType, ...more });
const text = { typeParams: [{ key: 'max_length', value: '100' }] };
const schema = CollectionSchema.fromPartial({
  name: 'rows',
  fields: [
    field(100, 'id', DataType.Int64, { isPrimaryKey: true }),
    field(101, 'n', DataType.Int32),
    field(102, 'title', DataType.VarChar, text),
    field(103, 'meta', DataType.JSON),
    field(104, 'tags', DataType.Array, {
      elementType: DataType.Int64,
      typeParams: [{ key: 'max_capacity', value: '8' }],
    }),
    field(105, 'place', DataType.Geometry),
  ],
});

/** What it is, our filter, that of SQLite and that of DuckDB; undefined: it has no such thing. Each by the values of a row that has it. */
const some = (x) => Array.from({ length: 10 }, (_, i) => x.n + i * 13).join(', ');
const filters = [
  ['int == x', (x) => `n == ${x.n}`, (x) => `n = ${x.n}`, (x) => `n = ${x.n}`],
  ['int in 10', (x) => `n in [${some(x)}]`, (x) => `n in (${some(x)})`, (x) => `n in (${some(x)})`],
  [
    'int between, a thousandth',
    (x) => `${x.n} <= n < ${x.n + 1000}`,
    (x) => `n >= ${x.n} and n < ${x.n + 1000}`,
    (x) => `n >= ${x.n} and n < ${x.n + 1000}`,
  ],
  [
    "text == 'x'",
    (x) => `title == "${x.title}"`,
    (x) => `title = '${x.title}'`,
    (x) => `title = '${x.title}'`,
  ],
  [
    "text like 'abcd%'",
    (x) => `title like "${x.title.slice(0, 4)}%"`,
    (x) => `title glob '${x.title.slice(0, 4)}*'`,
    (x) => `title like '${x.title.slice(0, 4)}%'`,
  ],
  [
    "text like '%abcd%' (NGRAM)",
    (x) => `title like "%${x.title.slice(6, 10)}%"`,
    (x) => `title glob '*${x.title.slice(6, 10)}*'`,
    (x) => `title like '%${x.title.slice(6, 10)}%'`,
  ],
  [
    'json["page"] == x and json["source"] == y',
    (x) => `meta["page"] == ${x.meta.page} and meta["source"] == "${x.meta.source}"`,
    (x) => `meta->>'page' = ${x.meta.page} and meta->>'source' = '${x.meta.source}'`,
    (x) => `(meta->>'page')::int = ${x.meta.page} and (meta->>'source') = '${x.meta.source}'`,
  ],
  [
    'json["source"] == x',
    (x) => `meta["source"] == "${x.meta.source}"`,
    (x) => `meta->>'source' = '${x.meta.source}'`,
    (x) => `meta->>'source' = '${x.meta.source}'`,
  ],
  [
    'array_contains(tags, x)',
    (x) => `array_contains(tags, ${x.tags[0]})`,
    undefined,
    (x) => `list_contains(tags, ${x.tags[0]})`,
  ],
  [
    'st_within, a square of 1 degree',
    ({ place: [x, y] }) =>
      `st_within(place, "POLYGON ((${x} ${y}, ${x + 1} ${y}, ${x + 1} ${y + 1}, ${x} ${y + 1}, ${x} ${y}))")`,
    undefined,
    undefined,
  ],
];

const random = seededRandom(9);
const rows = [];
for (const row of makeRows(ROWS))
  rows.push({
    ...row,
    place: [nextBelow(random, 358_000) / 1000 - 179, nextBelow(random, 178_000) / 1000 - 89],
  });

const fixed = (id, dataType, values) => ({
  ...{ fieldId: id, dataType, data: new Uint8Array(values.buffer), offsets: NONE, valid: NONE },
});
function variable(id, dataType, bytesOf) {
  const parts = rows.map(bytesOf);
  const offsets = new Uint32Array(ROWS + 1);
  for (const [row, part] of parts.entries()) offsets[row + 1] = offsets[row] + part.length;
  const data = new Uint8Array(offsets[ROWS]);
  for (const [row, part] of parts.entries()) data.set(part, offsets[row]);
  return { fieldId: id, dataType, data, offsets: new Uint8Array(offsets.buffer), valid: NONE };
}

function ours() {
  const columns = [
    fixed(
      101n,
      DataType.Int32,
      Int32Array.from(rows, ({ n }) => n),
    ),
    variable(102n, DataType.VarChar, ({ title }) => utf8.encode(title)),
    variable(103n, DataType.JSON, ({ meta }) => utf8.encode(JSON.stringify(meta))),
    variable(104n, DataType.Array, ({ tags }) => new Uint8Array(BigInt64Array.from(tags, BigInt).buffer)),
    variable(105n, DataType.Geometry, ({ place }) =>
      encodeWkb({ kind: 'point', positions: Float64Array.from(place) }),
    ),
  ];
  const indexes = [
    [101n, 'STL_SORT', { kind: 'values' }],
    [102n, 'Trie', { kind: 'values' }],
    [102n, 'NGRAM', { kind: 'grams', sizes: [2, 3] }],
    [103n, 'INVERTED', { kind: 'path', path: ['page'], cast: 'double', isList: false }],
    [103n, 'INVERTED', { kind: 'path', path: ['source'], cast: 'text', isList: false }],
    [104n, 'INVERTED', { kind: 'elements' }],
    [105n, 'RTREE', { kind: 'boxes' }],
  ].map(([id, indexType, spec]) => {
    const of = columns.find(({ fieldId }) => fieldId === id);
    const elementType = id === 104n ? DataType.Int64 : 0;
    return {
      indexType,
      index: decodeScalarIndexFile(scalarBuild({ column: of, elementType, rowCount: ROWS, spec })),
    };
  });
  const views = new Map(columns.map((of) => [of.fieldId, viewOf(of)]));
  const facts = {
    rowCount: ROWS,
    sourceOf: (leaf) => bestSource(indexes, leaf),
    blocksOf: () => undefined,
    groupsOf: () => undefined,
    scanNanos,
  };
  const pace = { isDue: false, spentMs: 0, rest: async () => {} };
  const columnsOf = { view: (fieldId) => views.get(fieldId) };
  return {
    name: 'Elanus',
    at: 1,
    count: async (filter) => {
      const { predicate } = checkFilter(schema, { text: filter });
      const plan = planFilter(predicate, facts);
      return (await runPlan({ plan, columns: columnsOf, rowCount: ROWS, kept: undefined, pace })).passing;
    },
  };
}

async function sqlite() {
  const { DatabaseSync } = await import('node:sqlite').catch(() => ({}));
  if (DatabaseSync === undefined) return undefined;
  const database = new DatabaseSync(':memory:');
  database.exec('create table t (id integer primary key, n integer, title text, meta text)');
  const insert = database.prepare('insert into t values (?, ?, ?, ?)');
  database.exec('begin');
  for (const { id, n, title, meta } of rows) insert.run(id, n, title, JSON.stringify(meta));
  database.exec('commit');
  for (const of of ['n', 'title', "meta->>'page'", "meta->>'source'"])
    database.exec(`create index "i ${of}" on t (${of})`);
  database.exec('analyze');
  return {
    name: 'SQLite',
    at: 2,
    count: async (filter) => database.prepare(`select count(*) as n from t where ${filter}`).get().n,
  };
}

async function duckdb() {
  const module = loadRival('@duckdb/node-api', '1.5.6-r.1');
  if (module === undefined) return undefined;
  const instance = await module.DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  await connection.run('create table t (id bigint, n integer, title varchar, meta json, tags bigint[])');
  const appender = await connection.createAppender('t');
  for (const { id, n, title, meta, tags } of rows) {
    appender.appendBigInt(BigInt(id));
    appender.appendInteger(n);
    appender.appendVarchar(title);
    appender.appendVarchar(JSON.stringify(meta));
    appender.appendList(tags.map(BigInt), module.LIST(module.BIGINT));
    appender.endRow();
  }
  appender.closeSync();
  for (const of of ['n', 'title']) await connection.run(`create index i_${of} on t (${of})`);
  const spatial = await connection.run('install spatial').then(
    () => 'installs',
    (error) => String(error.message).split('\n')[0],
  );
  console.log(`DuckDB's spatial extension: ${spatial}\n`);
  return {
    name: 'DuckDB',
    at: 3,
    count: async (filter) =>
      Number((await connection.runAndReadAll(`select count(*) from t where ${filter}`)).getRows()[0][0]),
  };
}

const parties = [ours(), await sqlite(), await duckdb()].filter((party) => party !== undefined);
console.log(`${ROWS.toLocaleString('en')} rows, ${ROUNDS} rounds, Node ${process.version}\n`);
console.log(
  `| filter | passing | ${parties.map(({ name }) => `${name}, ms`).join(' | ')} |\n|${' --- |'.repeat(2 + parties.length)}`,
);
for (const filter of filters) {
  const times = parties.map(() => []);
  const passing = [];
  for (let round = -2; round < ROUNDS; round++) {
    const row = rows[nextBelow(random, ROWS)];
    const counts = new Set();
    for (const [who, party] of parties.entries()) {
      const of = filter[party.at];
      if (of === undefined) continue;
      const begin = performance.now();
      counts.add(await party.count(of(row)));
      if (round >= 0) times[who].push(performance.now() - begin);
    }
    if (counts.size !== 1) throw new Error(`${filter[0]}: the counts differ: ${[...counts].join(', ')}`);
    passing.push(...counts);
  }
  const cells = times.map((list) => (list.length === 0 ? 'none' : median(list).toPrecision(2)));
  console.log(`| ${filter[0]} | ${median(passing)} | ${cells.join(' | ')} |`);
}
process.exit(0);
