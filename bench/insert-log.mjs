// Question: how long does it take to write a segment's rows to insert logs, and to load them, in this build of Elanus and in another?
// Data: seeded rows: float vectors of 128 and 768 dimensions, of 128 with a tenth null, arrays of up to 9 numbers or texts, and scalars.
// Objects are kept in memory, so that no disk is measured; what is read was written by the same build. Rows are appended before the clock
// runs. Each build works in a process of its own, turn by turn; each case has several pairs of processes, since one that began with other
// addresses or collected its garbage elsewhere is slower than its twin by a tenth.
// Metrics: processor time of a write and of a load on the thread that does it (median of the rounds), bytes of the files, and mine/base:
// the ratio of the medians and that of the fastest fifths over all rounds, then that of the medians of each pair of processes.
// Run:  npx node bench/insert-log.mjs --base PATH [--mine PATH] [--rounds N] [--processes N] [--only TEXT]
// where PATH is a checkout with `dist/`; `--mine` is this one unless given. PATH twice shows the noise of the machine.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const here = resolve(import.meta.dirname, '..');
const { values: options } = parseArgs({
  options: {
    base: { type: 'string' },
    mine: { type: 'string' },
    rounds: { type: 'string' },
    processes: { type: 'string' },
    only: { type: 'string' },
  },
});
const rounds = Number(options.rounds ?? 40);
const processes = Number(options.processes ?? 4);
/** Rounds before the clock runs: what the engine compiles is compiled by then. */
const WARM_UP = 30;
const roots = { base: resolve(options.base ?? here), mine: resolve(options.mine ?? here) };

let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const bytesOf = (array) => new Uint8Array(array.buffer);
const encoder = new TextEncoder();

/** What a build brings. */
async function buildOf(root) {
  const load = (path) => import(resolve(root, 'dist', path));
  const [platforms, { SegmentData }, files, columns, arrays, protocol, { SegmentRecord }] = await Promise.all(
    [
      load('platform/node/node-platform.js'),
      load('segment/segment-data.js'),
      load('segment/files/insert-log.js'),
      load('model/columns/column.js'),
      load('model/columns/array-column.js'),
      load('proto/milvus/schema.js'),
      load('proto/elanus/data.js'),
    ],
  );
  // Older builds have the readers beside the writers.
  const readers = await load('segment/files/read-segment.js').catch(() => undefined);
  const platform = await platforms.openNodePlatform({ logLevel: 'silent', parallelism: 1 });
  return { platform, SegmentData, ...files, ...readers, ...columns, ...arrays, ...protocol, SegmentRecord };
}

const vectors = (rows, dim, nulls = 0) => ({
  name: `${rows} x ${dim} floats${nulls ? `, ${nulls * 100} % null` : ''}`,
  rows,
  fields: [{ name: 'v', type: 'FloatVector', nullable: nulls > 0, dim }],
  columns: () => {
    const data = bytesOf(Float32Array.from({ length: rows * dim }, () => random() * 2 - 1));
    const valid = Uint8Array.from({ length: rows }, () => (random() < nulls ? 0 : 1));
    for (let row = 0; row < rows; row++) if (!valid[row]) data.fill(0, row * dim * 4, (row + 1) * dim * 4);
    return [{ data, valid: nulls ? valid : undefined }];
  },
});
const numbers = () =>
  bytesOf(
    BigInt64Array.from({ length: Math.floor(random() * 10) }, () => BigInt(Math.floor(random() * 1e6))),
  );
const text = () => `word${Math.floor(random() * 1e6)}`;
const cases = [
  vectors(20_000, 128),
  vectors(4000, 768),
  vectors(20_000, 128, 0.1),
  {
    ...{ name: '50000 arrays of numbers', rows: 50_000 },
    fields: [{ name: 'a', type: 'Array', elementType: 'Int64' }],
    columns: () => [{ values: Array.from({ length: 50_000 }, numbers) }],
  },
  {
    ...{ name: '20000 arrays of texts', rows: 20_000 },
    fields: [{ name: 'a', type: 'Array', elementType: 'VarChar' }],
    columns: (build) => [
      {
        values: Array.from({ length: 20_000 }, () =>
          build.textArrayBytes(Array.from({ length: Math.floor(random() * 10) }, text)),
        ),
      },
    ],
  },
  {
    ...{ name: '50000 scalars', rows: 50_000 },
    fields: [
      { name: 'n', type: 'Int64' },
      { name: 't', type: 'VarChar', nullable: true },
      { name: 'j', type: 'JSON' },
    ],
    columns: () => [
      { data: bytesOf(BigInt64Array.from({ length: 50_000 }, () => BigInt(Math.floor(random() * 1e9)))) },
      { values: Array.from({ length: 50_000 }, () => (random() < 0.1 ? null : encoder.encode(text()))) },
      { values: Array.from({ length: 50_000 }, () => encoder.encode(`{"a":${random()},"b":"${text()}"}`)) },
    ],
  },
];

/** A segment with the rows, and how it is written and loaded. */
function prepare(build, one) {
  state = 7;
  const { DataType } = build;
  const fields = [
    { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
    ...one.fields.map(({ name, type, elementType, nullable, dim }, i) => ({
      ...{ fieldID: BigInt(101 + i), name, dataType: DataType[type], nullable: nullable ?? false },
      ...(elementType && { elementType: DataType[elementType] }),
      typeParams: dim ? [{ key: 'dim', value: String(dim) }] : [],
    })),
  ];
  const schema = build.CollectionSchema.fromPartial({ name: 'bench', fields });
  const address = { collectionId: 2n, partitionId: 3n, segmentId: 1n };
  const data = new build.SegmentData(build.platform, { ...address, id: 1n, schema });
  const ids = BigInt64Array.from({ length: one.rows }, (_, row) => BigInt(row));
  const columns = one.columns(build).map(({ data: bytes, values, valid }, i) => {
    const { fieldID, dataType } = fields[i + 1];
    return values
      ? build.columnFromBytes(fieldID, dataType, values)
      : build.column(fieldID, dataType, bytes, undefined, valid);
  });
  const times = new BigInt64Array(one.rows).fill(1n << 40n);
  data.appendBatch(
    build.batchOf(one.rows, [build.columnFromInt64(1n, times), build.columnFromInt64(100n, ids), ...columns]),
  );
  const write = { address, schema, data, rowBegin: 0, rowEnd: one.rows, logId: 1n };
  let files = [];
  return {
    write: async () => {
      files = await build.writeSegment(build.platform, write);
    },
    load: async () => {
      const record = build.SegmentRecord.fromPartial({
        ...address,
        id: 1n,
        rowCount: BigInt(one.rows),
        files,
      });
      (await build.readSegment(build.platform, record, schema)).release();
    },
    bytes: () => files.reduce((sum, file) => sum + Number(file.bytes), 0),
  };
}

/** Processor time of this thread, in microseconds. */
async function timed(act) {
  const usage = () => (process.threadCpuUsage ?? process.cpuUsage)();
  const begin = usage();
  await act();
  const end = usage();
  return end.user - begin.user + (end.system - begin.system);
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const fastest = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 5)];

/** What a child does: one case of one build, an act a message. */
async function serve([root, name]) {
  const segment = prepare(
    await buildOf(root),
    cases.find((one) => one.name === name),
  );
  process.on('message', async (act) => {
    process.send(act === 'bytes' ? segment.bytes() : await timed(segment[act]));
  });
  process.send('ready');
}

async function openChild(root, name) {
  const child = fork(import.meta.filename, {
    env: { ...process.env, INSERT_LOG: JSON.stringify([root, name]) },
  });
  await once(child, 'message');
  const ask = async (what) => {
    child.send(what);
    return (await once(child, 'message'))[0];
  };
  return { ask, close: () => child.kill() };
}

/** Times of one pair of processes, and the bytes that each wrote. */
async function comparePair(name) {
  const children = { base: await openChild(roots.base, name), mine: await openChild(roots.mine, name) };
  const micros = { write: { base: [], mine: [] }, load: { base: [], mine: [] } };
  for (let round = -WARM_UP; round < rounds; round++) {
    const order = round % 2 === 0 ? ['base', 'mine'] : ['mine', 'base'];
    for (const act of ['write', 'load'])
      for (const which of order) {
        const spent = await children[which].ask(act);
        if (round >= 0) micros[act][which].push(spent);
      }
  }
  const bytes = { base: await children.base.ask('bytes'), mine: await children.mine.ask('bytes') };
  for (const child of Object.values(children)) child.close();
  return { micros, bytes };
}

async function compare({ name }) {
  const pairs = [];
  for (let i = 0; i < processes; i++) pairs.push(await comparePair(name));
  for (const act of ['write', 'load']) {
    const [base, mine] = ['base', 'mine'].map((which) => pairs.flatMap(({ micros }) => micros[act][which]));
    const each = pairs.map(({ micros: { [act]: one } }) => (median(one.mine) / median(one.base)).toFixed(2));
    console.log(
      `${name.padEnd(28)} ${act.padEnd(5)}  base ${(median(base) / 1000).toFixed(2)} ms  mine ${(median(mine) / 1000).toFixed(2)} ms` +
        `  mine/base ${(median(mine) / median(base)).toFixed(3)} median, ${(fastest(mine) / fastest(base)).toFixed(3)} fastest fifth; pairs ${each.join(' ')}`,
    );
  }
  const { base, mine } = pairs[0].bytes;
  console.log(`${''.padEnd(28)} bytes  ${base} -> ${mine} (${(mine / base).toFixed(3)})`);
}

const asked = process.env.INSERT_LOG;
if (asked !== undefined) await serve(JSON.parse(asked));
else for (const one of cases.filter(({ name }) => name.includes(options.only ?? ''))) await compare(one);
