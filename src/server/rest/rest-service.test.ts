// REST without a network: what requests of any kind are answered, and what reaches the calls.
import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import type { CallContext, HttpRequest } from '#platform/transport.js';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { schema } from '../../../test/support/proxy-world.js';
import { RestService } from './rest-service.js';

type Seen = {
  readonly path: string;
  readonly request: Record<string, unknown>;
  readonly context: CallContext;
};

function bench({
  corsOrigins = [] as string[],
  restV1 = false,
  answer = async (_seen: Seen): Promise<object> => ({}),
} = {}) {
  const seen: Seen[] = [];
  const logged: unknown[] = [];
  const calls = new Map(
    Object.values(MilvusServiceDefinition.methods).map(({ name }) => {
      const path = `/${MilvusServiceDefinition.fullName}/${name}`;
      const call = (request: object, context: CallContext): Promise<object> => {
        const one = { path, request: { ...request }, context };
        seen.push(one);
        return answer(one);
      };
      return [path, call] as const;
    }),
  );
  const service = new RestService({
    calls,
    access: {
      open: async () => ({
        schema,
        record: { properties: {} } as never,
        database: 'default',
        databaseId: 1n,
        databaseProperties: {},
      }),
      wasReadBy: () => {},
    },
    gate: undefined,
    clock: { now: () => 1000 },
    logger: { error: (event, fields) => void logged.push({ event, ...fields }) },
    settings: { corsOrigins, version: '1', restV1 },
  });
  const ask = async (path: string, body: string | Uint8Array, more: Partial<HttpRequest> = {}) => {
    const response = await service.answer({
      method: 'POST',
      path: path.startsWith('/') ? path : `/v2/vectordb/${path}`,
      headers: {},
      body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
      signal: new AbortController().signal,
      ...more,
    });
    const text = String(response.body);
    return {
      ...response,
      text,
      json: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
    };
  };
  return { ask, seen, logged };
}

const nested = (depth: number): string =>
  `{"collectionName":"c","filter":${'['.repeat(depth)}${']'.repeat(depth)}}`;
const query = (members: string): string => `{"collectionName":"c",${members}}`;

it.each(['insert', 'upsert'])('the body of an %s goes as soon as its rows are read', async (call) => {
  const requests: unknown[] = [];
  const events: string[] = [];
  const { ask } = bench({
    answer: async ({ request }) => {
      events.push('called');
      requests.push(request);
      return {};
    },
  });
  const rows = '[{"id":9007199254740993,"v":[0.5,-2],"n":7},{"id":2,"v":[1e3,0],"n":-1}]';
  const body = new TextEncoder().encode(`{"collectionName":"c","data":${rows}}`);
  await ask(`entities/${call}`, body.slice());
  const letBodyGo = (): void => {
    events.push('gone');
    body.fill(0x39);
  };
  const { json } = await ask(`entities/${call}`, body, { letBodyGo });
  expect(json.code).toBe(0);
  expect(events).toEqual(['called', 'gone', 'called']);
  expect(requests[1]).toEqual(requests[0]);
});

describe('bodies that are wrong', () => {
  it.each<[what: string, body: string | Uint8Array, code: number, message: RegExp]>([
    ['nothing', '', 1801, /empty/],
    ['a byte order mark', '\ufeff{"collectionName":"c"}', 1801, /byte order mark/],
    ['bytes that are no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 1801, /UTF-8/],
    ['UTF-16', new Uint8Array(Uint16Array.from('{}', (char) => char.charCodeAt(0)).buffer), 1801, /JSON|key/],
    ['a list', '[]', 1801, /"{"/],
    ['a number', '12', 1801, /"{"/],
    ['half an object', '{"collectionName":"c"', 1801, /JSON/],
    ['more than an object', '{"collectionName":"c"} x', 1801, /the end/],
    ['two objects', '{"collectionName":"c"}{}', 1801, /the end/],
    ['a comma too many', '{"collectionName":"c",}', 1801, /a key/],
    ['comments', '{"collectionName":"c" /* c */}', 1801, /JSON/],
    ['bare keys', '{collectionName:"c"}', 1801, /a key/],
    ['depth', nested(100_000), 1801, /nested/],
    ['depth below the bound of rows', nested(600), 1801, /nested/],
    ['a doubled key', '{"collectionName":"c","collectionName":"d"}', 1801, /twice/],
    ['a doubled key inside', query('"exprParams":{"a":1,"a":2}'), 1801, /second time/],
    ['__proto__', '{"collectionName":"c","__proto__":{"filter":"id > 0"}}', 1801, /__proto__/],
    ['__proto__ inside', query('"exprParams":{"__proto__":1}'), 1801, /__proto__/],
    ['constructor', '{"collectionName":"c","constructor":{}}', 1801, /constructor/],
    ['toString', '{"collectionName":"c","toString":1}', 1801, /toString/],
    ['a number beyond all doubles', query('"limit":1e400'), 1801, /no double/],
    ['NaN', query('"limit":NaN'), 1801, /value/],
    ['half a character', query('"filter":"\\ud83d"'), 1801, /Unicode/],
    ['a number in place of a name', '{"collectionName":7}', 1801, /collectionName/],
    ['an empty name', '{"collectionName":""}', 1802, /collectionName/],
    ['null in place of a name', '{"collectionName":null}', 1802, /collectionName/],
    ['no name', '{}', 1802, /collectionName is required/],
    ['a limit that is no integer', query('"limit":1.5'), 1801, /limit/],
    ['a limit beyond 2^53', query('"limit":9007199254740993'), 1801, /limit/],
    ['a limit as text', query('"limit":"5"'), 1801, /limit/],
    ['a level that is none', query('"consistencyLevel":"Weak"'), 1801, /consistencyLevel/],
    ['a typing error', query('"fliter":"id > 0"'), 1801, /fliter.*filter/],
    ['an int64 that is too large', query('"exprParams":{"a":9223372036854775808}'), 1801, /int64/],
    ['an object as a template value', query('"exprParams":{"a":{"b":1}}'), 1801, /exprParams.a/],
    ['a list of mixed values', query('"exprParams":{"a":[1,"b"]}'), 1801, /different types/],
  ])('%s', async (_what, body, code, message) => {
    const { ask, seen } = bench();
    const { status, json } = await ask('entities/query', body);
    expect(status).toBe(200);
    expect(json).toEqual({ code, message: expect.stringMatching(message) });
    expect(seen).toEqual([]);
    expect(Object.prototype).not.toHaveProperty('filter');
  });

  it.each<[what: string, rows: string, message: RegExp]>([
    ['no rows', '[]', /no rows/],
    ['no list', '"a"', /"{"/],
    ['rows that are lists', '[[1]]', /row 0: .*"{"/],
    ['a row that is broken', '[{"id":1,"v":[1,2],"n":1},{"id":]', /JSON|value/],
    ['a doubled key', '[{"id":1,"id":2,"v":[1,2],"n":1}]', /twice/],
    ['an unknown key', '[{"id":1,"v":[1,2],"n":1,"x":1}]', /"x".*not in the schema/],
    ['a missing field', '[{"id":1,"v":[1,2]}]', /"n".*missing/],
    ['an int64 that is too large', '[{"id":9223372036854775808,"v":[1,2],"n":1}]', /Int64/],
    ['a fraction as int64', '[{"id":1.5,"v":[1,2],"n":1}]', /Int64/],
    ['a short vector', '[{"id":1,"v":[1],"n":1}]', /1 values, expected 2/],
    ['base64 of floats', '[{"id":1,"v":"AAAAAAAAAAA=","n":1}]', /list of 2 numbers/],
    ['a value beyond float32', '[{"id":1,"v":[1,1e39],"n":1}]', /finite/],
    ['1e400 in a vector', '[{"id":1,"v":[1,1e400],"n":1}]', /finite/],
    ['trailing garbage', '[{"id":1,"v":[1,2],"n":1}] 1', /"," or "}"/],
  ])('rows: %s', async (_what, rows, message) => {
    const { ask, seen } = bench();
    const { json } = await ask('entities/insert', `{"collectionName":"c","data":${rows}}`);
    expect(json).toEqual({ code: expect.toBeOneOf([1801, 1804]), message: expect.stringMatching(message) });
    expect(seen).toEqual([]);
  });

  it.each<[what: string, data: string, message: RegExp]>([
    ['nothing', '[]', /data is required/],
    ['no list', '"a"', /list/],
    ['text', '["a"]', /expected a vector/],
    ['a vector in place of a list', '[1,2]', /element 0/],
    ['null', '[null]', /element 0/],
    ['NaN', '[[NaN,1]]', /element 0/],
    ['1e39', '[[1e39,1]]', /value 0 of element 0/],
    ['text in a vector', '[[1,"2"]]', /value 1 of element 0/],
    ['a list in a vector', '[[1,[2]]]', /value 1/],
  ])('vectors: %s', async (_what, data, message) => {
    const { ask, seen } = bench();
    const { json } = await ask('entities/search', `{"collectionName":"c","data":${data}}`);
    expect(json).toEqual({ code: expect.toBeOneOf([1801, 1802]), message: expect.stringMatching(message) });
    expect(seen).toEqual([]);
  });

  it('more values than fit, before they are made', async () => {
    const { ask } = bench();
    const ids = `[${'1,'.repeat(2 ** 21)}1]`;
    expect((await ask('entities/get', `{"collectionName":"c","id":${ids}}`)).json).toMatchObject({
      code: 1801,
      message: expect.stringContaining('more than 2097152 values'),
    });
  });
});

describe('requests that are not as they should be', () => {
  it.each([
    ['GET', 405, 'POST, OPTIONS'],
    ['PUT', 405, 'POST, OPTIONS'],
    ['DELETE', 405, 'POST, OPTIONS'],
  ])('%s', async (method, status, allow) => {
    const { ask } = bench();
    const response = await ask('collections/list', '{}', { method });
    expect([response.status, response.headers?.allow]).toEqual([status, allow]);
  });

  it.each([
    '/v2/vectordb',
    '/v2/vectordb/',
    '/v2/vectordb/collections',
    '/v2/',
    '/v2/vectordb/collections/list/',
  ])('path %s', async (path) => expect((await bench().ask(path, '{}')).status).toBe(404));

  it.each([
    [{ 'content-encoding': 'gzip' }, /gzip/],
    [{ 'content-type': 'application/json; charset=utf-16' }, /utf-16/],
  ])('%j', async (headers, message) => {
    const response = await bench().ask('collections/list', '{}', { headers });
    expect([response.status, response.json.message]).toEqual([415, expect.stringMatching(message)]);
  });

  it('any content type, or none', async () => {
    for (const type of ['text/plain;charset=UTF-8', 'application/json', 'x/y', ''])
      expect(
        (await bench().ask('collections/list', '{}', { headers: { 'content-type': type } })).json.code,
      ).toBe(0);
  });

  it.each(['0', '-1', 'soon', 'NaN', '1e99'])('Request-Timeout: %s', async (timeout) => {
    const { json } = await bench().ask('collections/list', '{}', { headers: { 'request-timeout': timeout } });
    expect(json).toMatchObject({ code: 1100, message: expect.stringContaining('Request-Timeout') });
  });
});

describe('what reaches the calls', () => {
  const contextOf = async (headers: Record<string, string>, body = '{}') => {
    const { ask, seen } = bench();
    await ask('collections/list', body, { headers });
    return seen[0]?.context;
  };

  it('who asks, as clients of gRPC say it', async () => {
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    expect((await contextOf({ authorization: 'Bearer root:Milvus' }))?.metadata).toEqual({
      authorization: base64('root:Milvus'),
    });
    expect((await contextOf({ authorization: `Basic ${base64('a:b')}` }))?.metadata).toEqual({
      authorization: base64('a:b'),
    });
    for (const nobody of ['Bearer ', 'Bearer', 'Digest x', 'root:Milvus'])
      expect((await contextOf({ authorization: nobody }))?.metadata).toEqual({});
  });

  it('no header that only looks like one of ours', async () => {
    const context = await contextOf({
      sourceid: 'QEBtaWx2dXMtbWVtYmVyQEA=',
      dbname: 'other',
      identifier: '1',
      'x-user': 'root',
      traceparent: '00-1-2-01',
    });
    expect(context?.metadata).toEqual({ traceparent: '00-1-2-01' });
    expect(Object.keys(context ?? {}).sort()).toEqual(['metadata', 'signal']);
  });

  it('the database of the body, else of the header', async () => {
    expect((await contextOf({ 'db-name': 'a' }))?.metadata).toEqual({ dbname: 'a' });
    expect((await contextOf({ 'db-name': 'a' }, '{"dbName":"b"}'))?.metadata).toEqual({ dbname: 'b' });
  });

  it('the time that the call may take', async () => {
    expect((await contextOf({ 'request-timeout': '2.5' }))?.deadlineMs).toBe(3500);
    expect((await contextOf({}))?.deadlineMs).toBeUndefined();
  });

  it('keys as values, whatever they look like', async () => {
    const { ask, seen } = bench();
    await ask('entities/delete', '{"collectionName":"c","id":["1) or (1 == 1"]}');
    expect(seen).toEqual([]);
    await ask('entities/delete', '{"collectionName":"c","id":[9223372036854775807, "5"]}');
    expect(seen[0]?.request).toMatchObject({ expr: 'id in {ids}' });
  });
});

describe('failures of calls', () => {
  const failing = (error: Error) => bench({ answer: () => Promise.reject(error) });

  it.each([
    ['deadline_exceeded', 408, 10_001],
    ['queue_full', 429, 4],
    ['unsupported', 200, 3000],
  ] as const)('%s', async (key, status, code) => {
    const { status: got, json } = await failing(new ElanusError(key, 'why')).ask('collections/list', '{}');
    expect([got, json]).toEqual([status, { code, message: 'why' }]);
  });

  it('keep the code and the text of their status', async () => {
    const { ask } = bench({
      answer: async () => ({ status: { code: 700, errorCode: 25, reason: 'index not found' } }),
    });
    expect((await ask('indexes/describe', '{"collectionName":"c","indexName":"i"}')).json).toEqual({
      code: 700,
      message: 'index not found',
    });
  });

  it('that nobody expected are logged', async () => {
    const { ask, logged } = failing(new TypeError('a bug'));
    expect((await ask('collections/list', '{}')).json).toEqual({ code: 5, message: 'internal error: a bug' });
    expect(logged).toHaveLength(1);
  });
});

describe('web pages', () => {
  const own = 'http://127.0.0.1:19530';
  const from = (origin: string, host: string, corsOrigins: string[] = []) =>
    bench({ corsOrigins }).ask('collections/list', '{}', { headers: { origin, host } });

  it('that the server gave out may call', async () =>
    expect((await from(own, '127.0.0.1:19530')).status).toBe(200));

  it.each([
    ['https://evil.example', '127.0.0.1:19530'],
    ['null', '127.0.0.1:19530'],
    // A name that was pointed at this machine after the page was loaded.
    ['http://evil.example:19530', 'evil.example:19530'],
    ['http://127.0.0.1:8080', '127.0.0.1:19530'],
  ])('of %s may not, at %s', async (origin, host) => {
    const { status, json, headers } = await from(origin, host);
    expect([status, json.code]).toEqual([403, 1401]);
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('that are named may', async () => {
    const { status, headers } = await from('https://app.example', 'db.example', ['https://app.example/']);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'access-control-allow-origin': 'https://app.example', vary: 'Origin' });
    expect((await from('https://other.example', 'db.example', ['https://app.example'])).status).toBe(403);
    expect((await from('https://any.example', 'db.example', ['*'])).headers).toMatchObject({
      'access-control-allow-origin': '*',
    });
  });

  it('are answered when they ask first', async () => {
    const { ask } = bench({ corsOrigins: ['https://app.example'] });
    const headers = { origin: 'https://app.example', host: 'x' };
    const response = await ask('entities/insert', '', { method: 'OPTIONS', headers });
    expect(response.status).toBe(204);
    expect(response.headers).toMatchObject({
      'access-control-allow-headers': expect.stringContaining('DB-Name'),
    });
  });
});
