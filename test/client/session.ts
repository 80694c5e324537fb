// A session of the typed client that is recorded: every call with its answer, without what differs from one database to the next (times, ids
// that the server gives). Through every transport the same session has the same record.
import { Client, ClientError, type ClientTransport, filter, rrf } from '#client/connect.js';
import { systemRandom } from '#platform/node/node-random.js';
import { nodeClock, nodeTimers } from '#platform/node/node-time.js';
import { book, books, everything, v } from './books.js';

/** Values of these keys differ from one database to the next. */
const VOLATILE =
  /^(timestamp|sessionTs|.*Timestamp(Str)?|requestTime|collectionID|dbId|indexID|token|(virtual|physical)ChannelNames|startPositions|coll(SegIDs|SealTimes|FlushTs)|flushCollSegIDs|channelCps|base)$/;
/** Calls that ask until it is so; how often depends on time. */
const POLLS: ReadonlySet<string> = new Set(['getLoadingProgress', 'getFlushState']);

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (ArrayBuffer.isView(value))
    return `bytes ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, one]) => !VOLATILE.test(key) && one !== undefined)
      .map(([key, one]) => [key, plain(one)]),
  );
}

const recording = (transport: ClientTransport, record: unknown[]): ClientTransport => ({
  call: async (method, request, options) => {
    const answer = await transport.call(method, request, options).catch((error: unknown) => {
      record.push({ method, thrown: error instanceof Error && 'key' in error ? error.key : String(error) });
      throw error;
    });
    if (!POLLS.has(method)) record.push({ method, answer: plain(answer) });
    return answer;
  },
  close: () => transport.close(),
});

/** Runs the session. @returns calls and answers, and at the end what the program itself saw */
export async function recordSession(transport: ClientTransport): Promise<unknown[]> {
  const record: unknown[] = [];
  const parts = {
    transport: recording(transport, record),
    clock: nodeClock,
    timers: nodeTimers,
    random: systemRandom(),
  };
  const client = new Client(parts);
  await session(client, (seen) => record.push({ seen: plain(seen) }));
  return record;
}

async function session(client: Client, see: (seen: unknown) => void): Promise<void> {
  const shelf = client.collection(books);
  const failed = async (run: Promise<unknown>): Promise<void> => {
    const error = await run.catch((thrown: unknown) => thrown);
    if (error instanceof ClientError) see([error.name, error.code, error.reason, error.isRetriable]);
  };
  await failed(shelf.query({ limit: 1 }));
  await shelf.ensure();
  await shelf.ensure();
  await shelf.insert(Array.from({ length: 40 }, (_, n) => book(n)));
  await shelf.flush();
  await shelf.insert.columns({
    id: BigInt64Array.of(100n, -1n, 2n ** 62n),
    title: ['a', 'ä', ''],
    price: Float64Array.of(1, -0, 1e300),
    tags: [['x'], [], ['y', 'z']],
    v: Float32Array.from([...v(1), ...v(2), ...v(3)]),
  });
  await shelf.upsert([{ ...book(3), title: 'again' }]);
  await shelf.update([{ id: 4n, stock: null, tags: ['new'] }]);
  see(await shelf.delete([5n, 6n]));
  see(await shelf.delete((f) => f.tags.contains('n8')));
  see(await shelf.count());
  see((await shelf.query({ where: (f) => f.price.lt(9).or(f.meta.isNull()) })).toArray());
  see((await shelf.query({ where: filter`title like ${'a%'}`, orderBy: { title: 'desc' } })).toArray());
  see((await shelf.search('v', v(7), { limit: 5 })).toArray());
  see(
    (await shelf.searchMany('v', [v(1), v(30)], { limit: 2, output: ['v', 'at'] })).map((hits) =>
      hits.toArray(),
    ),
  );
  const parts = [{ field: 'v', vector: v(9) } as const, { field: 'v', vector: v(20) } as const];
  see((await shelf.hybrid(parts, { limit: 3, rank: rrf() })).toArray());
  for await (const rows of shelf.scan({ batch: 15, output: ['stock'] }).batches()) see(rows.toArray());
  for await (const hits of shelf.searchPages('v', v(0), { batch: 20, output: [] })) see([...hits.ids]);
  await failed(shelf.query({ where: filter`nothing == ${1}` }));
  await failed(shelf.search('v', v(1), { limit: 100_000 }));
  await failed(shelf.insert([{ ...book(1), title: 'x'.repeat(201) }]));
  await failed(shelf.insert([{ ...book(1), v: new Float32Array(8).fill(Number.NaN) }]));
  await failed(shelf.count({ signal: AbortSignal.abort() }));
  await failed(client.collection(everything).load());
  await shelf.drop();
}
