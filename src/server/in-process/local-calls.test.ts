// Calls inside the process: whose the bytes are, what is refused, and how calls end that do not end by themselves.
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { type Deferred, deferred } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { isShared } from '#base/shared-memory.js';
import { PortTransport } from '#client/port-transport.js';
import { SimulatedWorld } from '#platform/memory/simulated-time.js';
import type { CallContext } from '#platform/transport.js';
import { FieldData } from '#proto/milvus/schema.js';
import type { Next } from '#rpc/interceptors.js';
import { LocalCalls } from './local-calls.js';
import { LocalTransport } from './local-transport.js';
import { servePort } from './port-calls.js';

const PATH = '/milvus.proto.milvus.MilvusService/';
const limits = { receiveBytesMax: 100_000, sendBytesMax: 50_000, heldBytesMax: 150_000 };

interface Seen {
  readonly request: object;
  readonly context: CallContext;
}

/** Calls that a test answers itself. */
function fake() {
  const world = new SimulatedWorld({ seed: 1 });
  const seen: Seen[] = [];
  const answer = deferred<object>();
  const busy: boolean[] = [];
  const next = (request: object, context: CallContext): Promise<object> => {
    seen.push({ request, context });
    return answer.promise;
  };
  const names = ['Insert', 'Query', 'GetVersion'];
  const calls = new LocalCalls({
    calls: new Map(names.map((name) => [PATH + name, next])),
    limits,
    clock: world.clock,
    timers: world.timers,
    onBusy: (isBusy) => busy.push(isBusy),
  });
  return { world, seen, answer, calls, busy, transport: new LocalTransport(calls) };
}

const keyOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof ElanusError ? error.key : error),
  );

const vectorsOf = (bytes: Uint8Array): FieldData[] => [
  FieldData.fromPartial({
    fieldName: 'v',
    field: {
      $case: 'vectors',
      value: { dim: 2n, data: { $case: 'floatVector', value: { data: bytes } } },
    },
  }),
];

const bytesIn = (message: object): Uint8Array => {
  const [field] = (message as { fieldsData: FieldData[] }).fieldsData;
  if (field?.field?.$case !== 'vectors' || field.field.value.data?.$case !== 'floatVector')
    throw new Error('no vectors');
  return field.field.value.data.value.data;
};

describe('whose the bytes are', () => {
  test('a request is copied when the call is made: its sender may change it at once', async () => {
    const { seen, answer, transport } = fake();
    const all = Buffer.from([9, 9, 1, 2, 3, 4, 5, 6, 7, 8]);
    const sent = all.subarray(2); // A view of a Buffer, whose `slice` would be another.
    const fieldsData = vectorsOf(sent);
    const call = transport.call('insert', { collectionName: 'a', fieldsData, numRows: 1 }, {});
    all.fill(0);
    fieldsData.length = 0;
    answer.resolve({});
    await call;
    expect([...bytesIn(seen[0]?.request ?? {})]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  /** Calls of which nobody reads the request once they have settled, and what they were asked. */
  function lending() {
    const world = new SimulatedWorld({ seed: 1 });
    const asked: { readonly bytes: Uint8Array; readonly answer: Deferred<object> }[] = [];
    const next = (request: object): Promise<object> => {
      const answer = deferred<object>();
      asked.push({ bytes: bytesIn(request), answer });
      return answer.promise;
    };
    const calls = new LocalCalls({
      calls: new Map<string, Next>([
        [`${PATH}Insert`, Object.assign(next, { letsGo: true })],
        [`${PATH}Query`, async () => ({})],
      ]),
      limits: { ...limits, heldBytesMax: 250_000 },
      clock: world.clock,
      timers: world.timers,
    });
    const transport = new LocalTransport(calls);
    const insert = (value: number, options = {}) =>
      keyOf(transport.call('insert', { fieldsData: vectorsOf(new Uint8Array(80_000).fill(value)) }, options));
    const memory = (at: number) => asked[at]?.bytes.buffer;
    return { asked, insert, memory };
  }

  test('memory of an insert goes to the next one when it has settled, made or failed', async () => {
    const { asked, insert, memory } = lending();
    for (let at = 0; at < 4; at++) {
      const call = insert(at);
      if (at === 1) asked[at]?.answer.reject(new ElanusError('queue_full', 'full'));
      else asked[at]?.answer.resolve({});
      expect(await call).toBe(at === 1 ? 'queue_full' : 'answered');
      expect(asked[at]?.bytes.every((byte) => byte === at)).toBe(true);
      expect(memory(at) === memory(0)).toBe(true);
    }
  });

  test('memory of an insert whose caller has gone is read until it settles', async () => {
    const { asked, insert, memory } = lending();
    const gone = new AbortController();
    const first = insert(1, { signal: gone.signal });
    gone.abort();
    expect(await first).toBe('cancelled');
    const second = insert(2);
    expect(memory(1) === memory(0)).toBe(false);
    expect(asked[0]?.bytes.every((byte) => byte === 1)).toBe(true);
    asked[0]?.answer.resolve({});
    await Promise.resolve().then(() => {});
    const third = insert(3);
    expect(memory(2) === memory(0)).toBe(true);
    for (const { answer } of asked) answer.resolve({});
    await Promise.all([second, third]);
  });

  test('memory of inserts for which there is no room is not lost', async () => {
    const { asked, insert } = lending();
    const running = [insert(1), insert(2)];
    for (let refused = 0; refused < 300; refused++) expect(await insert(3)).toBe('queue_full');
    for (const { answer } of asked) answer.resolve({});
    await Promise.all(running);
    const last = insert(4);
    expect(asked.map(({ bytes }) => isShared(bytes))).toEqual([true, true, true]);
    asked[2]?.answer.resolve({});
    await last;
  });

  test('an answer belongs to the caller: memory of the engine is not in it', async () => {
    const { answer, transport } = fake();
    const kept = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
    answer.resolve({ fieldsData: vectorsOf(kept) });
    const got = bytesIn(await transport.call('query', {}, {}));
    got.fill(7);
    expect([...kept]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test.each([
    ['an int64 of 65 bits', { guaranteeTimestamp: 2n ** 64n }],
    ['an int64 that is no number', { guaranteeTimestamp: 'x' as unknown as bigint }],
    ['a text that no UTF-8 can hold', { expr: 'a\ud800b' }],
    ['a list with one', { outputFields: ['id', '\udc00'] }],
    ['a list that is a text', { outputFields: 'id' as unknown as string[] }],
  ])('%s is refused', async (_what, request) => {
    const { seen, transport } = fake();
    expect(await keyOf(transport.call('query', request, {}))).toBe('invalid_parameter');
    expect(seen).toEqual([]);
  });
});

describe('bounds', () => {
  test('one request, all requests together, one answer', async () => {
    const { transport, answer, calls } = fake();
    const insert = (bytes: number) =>
      keyOf(transport.call('insert', { fieldsData: vectorsOf(new Uint8Array(bytes)) }, {}));
    expect(await insert(100_001)).toBe('parameter_too_large');
    const first = insert(90_000);
    expect(await insert(90_000)).toBe('queue_full');
    answer.resolve({});
    expect(await first).toBe('answered');
    expect(await insert(90_000)).toBe('answered');
    const large = fake();
    large.answer.resolve({ fieldsData: vectorsOf(new Uint8Array(50_001)) });
    expect(await keyOf(large.transport.call('query', {}, {}))).toBe('parameter_too_large');
    await calls.close(0);
  });
});

describe('how calls end', () => {
  test('by their deadline, whatever the handler does', async () => {
    const { world, seen, transport, busy } = fake();
    const call = keyOf(transport.call('query', {}, { deadlineMs: world.clock.now() + 50 }));
    expect(await world.runUntil(call)).toBe('deadline_exceeded');
    expect(world.clock.monotonic()).toBe(50);
    expect(seen[0]?.context.deadlineMs).toBe(world.clock.now());
    expect(seen[0]?.context.signal.aborted).toBe(true);
    expect(world.pending).toBe(0);
    expect(busy).toEqual([true, false]);
  });

  test('each by its own deadline, with one timer for all', async () => {
    const { world, calls, transport } = fake();
    const ended: string[] = [];
    const call = (name: string, inMs: number): void => {
      void keyOf(transport.call('query', {}, { deadlineMs: world.clock.now() + inMs })).then((key) =>
        ended.push(`${name} ${key} ${world.clock.monotonic()}`),
      );
    };
    call('a', 300);
    call('b', 100);
    call('c', 200);
    expect(world.pending).toBe(1);
    await world.advance(250);
    call('d', 20);
    expect(world.pending).toBe(1);
    await world.advance(100);
    const late = (name: string, ms: number) => `${name} deadline_exceeded ${ms}`;
    expect(ended).toEqual([late('b', 100), late('c', 200), late('d', 270), late('a', 300)]);
    // A call that ends before leaves the timer to others; the database takes it along.
    const others = fake();
    others.answer.resolve({});
    const soon = { deadlineMs: others.world.clock.now() + 1000 };
    expect(await keyOf(others.transport.call('query', {}, soon))).toBe('answered');
    await others.calls.close(0);
    expect(others.world.pending).toBe(0);
    await calls.close(0);
  });

  test('when their caller gives up, before or later', async () => {
    const { seen, transport } = fake();
    const giveUp = new AbortController();
    const call = keyOf(transport.call('query', {}, { signal: giveUp.signal }));
    giveUp.abort();
    expect(await call).toBe('cancelled');
    expect(seen[0]?.context.signal.aborted).toBe(true);
    expect(await keyOf(transport.call('query', {}, { signal: giveUp.signal }))).toBe('cancelled');
    expect(seen).toHaveLength(1);
  });

  test('when their client closes; others go on', async () => {
    const { answer, calls, transport } = fake();
    const mine = keyOf(transport.call('query', {}, {}));
    const other = keyOf(new LocalTransport(calls).call('query', {}, {}));
    await transport.close();
    expect(await mine).toBe('cancelled');
    expect(await keyOf(transport.call('query', {}, {}))).toBe('service_unavailable');
    answer.resolve({});
    expect(await other).toBe('answered');
  });

  test('when the database closes: those that run have the grace, new ones are refused', async () => {
    const { world, calls, transport } = fake();
    const call = keyOf(transport.call('query', {}, {}));
    const closing = calls.close(500);
    expect(await keyOf(transport.call('query', {}, {}))).toBe('service_unavailable');
    await world.runUntil(closing);
    expect(await call).toBe('service_unavailable');
    expect(world.clock.monotonic()).toBe(500);
  });

  test('a call that does not exist is refused', async () => {
    const { transport } = fake();
    expect(await keyOf(transport.call('constructor' as 'query', {}, {}))).toBe('unsupported');
    expect(await keyOf(transport.call('search', {}, {}))).toBe('unsupported'); // Not among those of the fake.
  });
});

describe('over a port', () => {
  function ported() {
    const parts = fake();
    const { port1, port2 } = new MessageChannel();
    const close = servePort(port1, parts.calls, { metadata: { authorization: 'x' } });
    return { ...parts, close, port1, port2, transport: new PortTransport(port2) };
  }

  /** Until the other end has read what was posted. */
  const seenBy = async (seen: readonly Seen[], count = 1): Promise<void> => {
    while (seen.length < count) await new Promise((resolve) => void setImmediate(resolve));
  };

  test('bytes move once, those in shared memory are copied, and the caller keeps its own', async () => {
    const { seen, answer, transport, close } = ported();
    const all = new Uint8Array(20_000).fill(1);
    const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(2);
    const fieldsData = [...vectorsOf(all.subarray(0, 10_000)), ...vectorsOf(shared)];
    answer.resolve({ fieldsData: vectorsOf(new Uint8Array(10_000).fill(3)) });
    const call = transport.call('query', {}, {});
    const inserted = transport.call('insert', { fieldsData, numRows: 2 }, {});
    all.fill(0);
    expect([...new Set(bytesIn(await call))]).toEqual([3]);
    await inserted;
    shared.fill(0);
    const request = seen[1]?.request as { fieldsData: FieldData[] };
    expect(bytesIn(request).buffer.byteLength).toBe(10_000);
    expect([...new Set(bytesIn(request))]).toEqual([1]);
    expect([...bytesIn({ fieldsData: request.fieldsData.slice(1) })]).toEqual(Array(8).fill(2));
    expect(all.length).toBe(20_000);
    expect(seen[1]?.context.metadata).toEqual({ authorization: 'x' });
    close();
  });

  test('failures, cancelled calls and deadlines are those of the thread itself', async () => {
    const { world, seen, answer, transport, close } = ported();
    const giveUp = new AbortController();
    const call = keyOf(transport.call('query', {}, { signal: giveUp.signal }));
    const late = keyOf(transport.call('query', {}, { deadlineMs: world.clock.now() + 10 }));
    await seenBy(seen, 2);
    giveUp.abort();
    expect(await call).toBe('cancelled');
    await world.advance(20);
    expect(await late).toBe('deadline_exceeded');
    expect(seen.map(({ context }) => context.signal.aborted)).toEqual([true, true]);
    answer.reject(new ElanusError('unauthenticated', 'who are you?'));
    expect(await keyOf(transport.call('query', {}, {}))).toBe('unauthenticated');
    close();
  });

  test('when either end is gone, calls end at the other', async () => {
    const database = ported();
    const call = keyOf(database.transport.call('query', {}, {}));
    await seenBy(database.seen);
    database.close();
    expect(await call).toBe('service_unavailable');
    expect(await keyOf(database.transport.call('query', {}, {}))).toBe('service_unavailable');
    const thread = ported();
    const given = keyOf(thread.transport.call('query', {}, {}));
    await seenBy(thread.seen);
    await thread.transport.close();
    expect(await given).toBe('service_unavailable');
    while (thread.seen[0]?.context.signal.aborted === false)
      await new Promise((resolve) => void setImmediate(resolve));
    expect(thread.busy).toEqual([true, false]);
  });

  test('what is no message is passed over, and ends no process', async () => {
    const { port2, seen, answer, transport, close } = ported();
    for (const sent of [null, undefined, 1, 'text', {}]) port2.postMessage(sent);
    answer.resolve({ version: 'x' });
    expect(await transport.call('getVersion', {}, {})).toMatchObject({ version: 'x' });
    expect(seen).toHaveLength(1);
    close();
  });
});

describe('a request that is no message', () => {
  const failing = (status: object) => {
    const world = new SimulatedWorld({ seed: 1 });
    const next = async () => status;
    return new LocalTransport(
      new LocalCalls({
        calls: new Map([[`${PATH}Query`, next]]),
        limits,
        clock: world.clock,
        timers: world.timers,
      }),
    );
  };

  test('is named by its field when the call fails without another reason', async () => {
    const transport = failing({ status: { code: 5, reason: 'cannot read length of 5' } });
    const request = { collectionName: 'a', outputFields: [5 as unknown as string] };
    await expect(transport.call('query', request, {})).rejects.toMatchObject({
      key: 'invalid_parameter',
      message: expect.stringContaining('"outputFields[0]" is a number, expected a string'),
    });
    expect(await transport.call('query', { collectionName: 'a' }, {})).toMatchObject({ status: { code: 5 } });
  });

  test('is not looked for when the call says why it failed', async () => {
    const transport = failing({ status: { code: 100, reason: 'not found' } });
    const request = { collectionName: 5 as unknown as string };
    expect(await transport.call('query', request, {})).toMatchObject({ status: { code: 100 } });
  });
});

test('what is no signal and no deadline is refused, and holds nothing', async () => {
  const { seen, calls, busy, transport } = fake();
  const wrong = [{ signal: new AbortController() }, { signal: null }, { deadlineMs: Number.NaN }];
  for (const options of wrong)
    expect(await keyOf(transport.call('getVersion', {}, options as never))).toBe('invalid_parameter');
  expect([seen, busy]).toEqual([[], []]);
  await calls.close(1000);
});
