// Question: how much processor time does a data-node spend on a compaction, in this build of Elanus and in another, and where is the memory?
// Data: eight flushed segments with an int64 key, a text of about 40 characters and a float vector of 128 or 768 dimensions; a tenth of the
// rows is deleted by level zero, or none. Objects are kept in memory, so that no disk is measured. Each build works in a process of its own, turn by turn.
// Metrics: processor time of the thread that compacts (median of the rounds), MB of sources a second of it, mine/base, and the most memory that
// buffers took beside what was there before, garbage among it, in bytes for each byte of the sources.
// Run:  npx node bench/compact-segments.mjs --base PATH [--mine PATH] [--rounds N] [--only TEXT]
// where PATH is a checkout with `dist/`; `--mine` is this one unless given.
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
    only: { type: 'string' },
  },
});
const rounds = Number(options.rounds ?? 12);
const WARM_UP = 3;
const roots = { base: resolve(options.base ?? here), mine: resolve(options.mine ?? here) };
const SOURCES = 8;
const cases = [
  { name: '8 x 10000 rows of 128 floats', rows: 10_000, dim: 128, deleted: false },
  { name: '8 x 10000 rows, a tenth deleted', rows: 10_000, dim: 128, deleted: true },
  { name: '8 x 2500 rows of 768, a tenth', rows: 2500, dim: 768, deleted: true },
];

let state = 7;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const bytesOf = (array) => new Uint8Array(array.buffer);
const encoder = new TextEncoder();

async function buildOf(root) {
  const load = (path) => import(resolve(root, 'dist', path));
  const parts = await Promise.all(
    [
      ...['platform/node/node-platform.js', 'segment/segment-data.js', 'segment/files/insert-log.js'],
      ...['segment/files/delta-log.js', 'model/columns/column.js', 'proto/milvus/schema.js'],
      ...['proto/elanus/data.js', 'roles/data-node/compaction/compact-segments.js'],
    ].map(load),
  );
  const build = Object.assign({}, ...parts);
  const platform = await build.openNodePlatform({ logLevel: 'silent', parallelism: 1 });
  return { ...build, platform };
}

/** Segments in memory, and their compaction. */
async function prepare(build, { rows, dim, deleted }) {
  const { DataType, platform, SegmentRecord } = build;
  const schema = build.CollectionSchema.fromPartial({
    name: 'bench',
    fields: [
      { fieldID: 100n, name: 'id', dataType: DataType.Int64, isPrimaryKey: true },
      {
        fieldID: 101n,
        name: 't',
        dataType: DataType.VarChar,
        typeParams: [{ key: 'max_length', value: '99' }],
      },
      {
        fieldID: 102n,
        name: 'v',
        dataType: DataType.FloatVector,
        typeParams: [{ key: 'dim', value: `${dim}` }],
      },
    ],
  });
  const common = { collectionId: 2n, partitionId: 3n };
  const sources = [];
  let nextId = 1n;
  for (let source = 0; source < SOURCES; source++) {
    const id = nextId;
    nextId += 2n;
    const data = new build.SegmentData(platform, { ...common, id, schema });
    const keys = BigInt64Array.from({ length: rows }, (_, row) => BigInt(source * rows + row));
    const texts = Array.from({ length: rows }, () => encoder.encode(`${random()} ${random()}`));
    const floats = Float32Array.from({ length: rows * dim }, () => random() - 0.5);
    data.appendBatch(
      build.batchOf(rows, [
        build.columnFromInt64(1n, new BigInt64Array(rows).fill(BigInt(source + 1) << 30n)),
        build.columnFromInt64(100n, keys),
        build.columnFromBytes(101n, DataType.VarChar, texts),
        build.column(102n, DataType.FloatVector, bytesOf(floats)),
      ]),
    );
    const write = { address: { ...common, segmentId: id }, schema, data, rowBegin: 0, rowEnd: rows };
    const files = await build.writeSegment(platform, { ...write, logId: id + 1n });
    data.release();
    const more = { files, state: 'flushed', vchannel: 'c', rowCount: BigInt(rows) };
    sources.push(SegmentRecord.fromPartial({ ...common, id, ...more }));
  }
  const deleteSegments = [];
  if (deleted) {
    const gone = BigInt64Array.from({ length: (SOURCES * rows) / 10 }, (_, at) => BigInt(at * 10));
    const deletes = {
      keys: build.columnFromInt64(100n, gone),
      timestamps: new BigUint64Array(gone.length).fill(1n << 40n),
    };
    const write = { address: { ...common, segmentId: nextId }, schema, logId: nextId + 1n, deletes };
    const file = await build.writeDeletes(platform, write);
    deleteSegments.push(
      SegmentRecord.fromPartial({ ...common, id: nextId, isLevelZero: true, files: [file] }),
    );
    nextId += 2n;
  }
  const asked = {
    ...{ sources, deleteSegments, schema, deletesAppliedUntil: 1n << 41n, expiredUntil: 0n, expiredAt: 0n },
    ...{ expiryField: 0n, expiryMicros: 0n, targetBytes: 1n << 40n, sortFieldId: 0n },
  };
  const allocateIds = async (count) => {
    nextId += BigInt(count);
    return nextId - BigInt(count);
  };
  // What is written is let go: it is in memory as long as the compaction holds it.
  const { objectStore } = platform;
  const sink = Object.assign(Object.create(objectStore), {
    get: (key) => objectStore.get(key),
    list: (prefix) => objectStore.list(prefix),
    put: async (_key, parts) => {
      for (const _part of parts) await new Promise(setImmediate);
      return true;
    },
  });
  for (const name of ['size', 'remove', 'getRange', 'readInto', 'openRead'])
    if (typeof objectStore[name] === 'function') sink[name] = objectStore[name].bind(objectStore);
  const written = {
    ...platform,
    objectStore: sink,
    timers: platform.timers,
    crc32: platform.crc32,
    clock: platform.clock,
    logger: platform.logger,
  };
  const signal = new AbortController().signal;
  const bytes = sources.flatMap(({ files }) => files).reduce((sum, file) => sum + Number(file.bytes), 0);
  return { bytes, compact: () => build.compactSegments({ platform: written, allocateIds, signal }, asked) };
}

/** Processor time of this thread in ms, and how much more memory buffers had, in bytes. */
async function timed(act) {
  const usage = () => (process.threadCpuUsage ?? process.cpuUsage)();
  globalThis.gc();
  await new Promise(setImmediate);
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const look = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }, 1);
  const begin = usage();
  const { segments } = await act();
  const end = usage();
  clearInterval(look);
  return { ms: (end.user - begin.user + end.system - begin.system) / 1000, most, segments: segments.length };
}

async function serve([root, name]) {
  const build = await buildOf(root);
  const one = await prepare(
    build,
    cases.find((each) => each.name === name),
  );
  process.on('message', async () => process.send(await timed(one.compact)));
  process.send(one.bytes);
}

async function openChild(root, name) {
  const child = fork(import.meta.filename, {
    env: { ...process.env, COMPACT: JSON.stringify([root, name]) },
    execArgv: ['--expose-gc'],
  });
  const [bytes] = await once(child, 'message');
  const ask = async () => {
    child.send('compact');
    return (await once(child, 'message'))[0];
  };
  return { ask, bytes, close: () => child.kill() };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
async function compare({ name }) {
  const children = { base: await openChild(roots.base, name), mine: await openChild(roots.mine, name) };
  const seen = { base: [], mine: [] };
  for (let round = -WARM_UP; round < rounds; round++)
    for (const which of round % 2 === 0 ? ['base', 'mine'] : ['mine', 'base']) {
      const one = await children[which].ask();
      if (round >= 0) seen[which].push(one);
    }
  for (const child of Object.values(children)) child.close();
  const text = (which) => {
    const ms = median(seen[which].map((one) => one.ms));
    const most = Math.max(...seen[which].map((one) => one.most)) / children[which].bytes;
    return `${which} ${ms.toFixed(0)} ms, ${(children[which].bytes / 1e3 / ms).toFixed(0)} MB/s, memory x${most.toFixed(2)}`;
  };
  const [base, mine] = ['base', 'mine'].map((which) => median(seen[which].map((one) => one.ms)));
  console.log(`${name.padEnd(34)} ${text('base')};  ${text('mine')};  mine/base ${(mine / base).toFixed(3)}`);
}

const asked = process.env.COMPACT;
if (asked !== undefined) await serve(JSON.parse(asked));
else for (const one of cases.filter(({ name }) => name.includes(options.only ?? ''))) await compare(one);
