// What REST is sent by those who mean it no good, or do not know it: methods, paths, encodings, bodies and rows that are none. Each has an
// answer that says what is wrong, with a code, and the next request is answered as if nothing had been.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Elanus, open } from '#server/open.js';

let database: Elanus;
const BASE = '/v2/vectordb/';

beforeAll(async () => {
  database = await open(undefined, { logLevel: 'silent', restV1: true });
  expect(
    await post('collections/create', '{"collectionName":"c","dimension":2,"metricType":"L2"}'),
  ).toMatchObject({ code: 0 });
});
afterAll(() => database.close());

interface Failure {
  readonly code: number;
  readonly message?: string;
}

async function post(
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Failure> {
  const response = await fetch(`http://${database.address}${BASE}${path}`, { method: 'POST', body, headers });
  expect(response.headers.get('content-type')).toContain('application/json');
  return (await response.json()) as Failure;
}

/** What a bare socket is answered until the server ends it. */
function raw(text: string): Promise<string> {
  const socket = connect(database.port, '127.0.0.1');
  let said = '';
  socket.on('data', (bytes) => {
    said += bytes.toString('latin1');
  });
  socket.on('error', () => {}); // Its close follows.
  socket.write(text);
  return new Promise((resolve) => socket.once('close', () => resolve(said)));
}

const lives = async (): Promise<void> => {
  expect(await post('collections/list', '{}')).toMatchObject({ code: 0, data: ['c'] });
};

const asked = (method: string, path: string, ...headers: string[]): string =>
  [`${method} ${path} HTTP/1.1`, 'host: x', 'connection: close', ...headers, '', ''].join('\r\n');

describe('methods and paths', () => {
  it.each([
    [asked('PUT', `${BASE}collections/list`), /^HTTP\/1\.1 405[\s\S]*allow: POST, OPTIONS[\s\S]*"code":405/],
    [asked('TRACE', `${BASE}collections/list`), /^HTTP\/1\.1 405[\s\S]*"code":405/],
    [asked('HEAD', `${BASE}collections/list`), /^HTTP\/1\.1 405[\s\S]*\r\n\r\n$/],
    [asked('POST', '/v2/openapi.json'), /^HTTP\/1\.1 405[\s\S]*allow: GET, HEAD, OPTIONS/],
    [asked('HEAD', '/v2/openapi.json'), /^HTTP\/1\.1 200[\s\S]*\r\n\r\n$/],
    [asked('OPTIONS', `${BASE}entities/insert`), /^HTTP\/1\.1 204/],
    [asked('DELETE', '/v1/vector/insert'), /^HTTP\/1\.1 405[\s\S]*allow: POST/],
    [asked('POST', '/v1/vector/collections'), /^HTTP\/1\.1 405[\s\S]*allow: GET/],
    [asked('POST', '/v2/vectordb/collections%2Flist'), /^HTTP\/1\.1 404[\s\S]*"code":404/],
    [asked('POST', '/v2/vectordb/collections/list/'), /^HTTP\/1\.1 404[\s\S]*"code":404/],
    [asked('POST', '/v2/%2e%2e/metrics'), /^HTTP\/1\.1 404[\s\S]*"code":404/],
    [asked('POST', '/v2/../../../../etc/passwd'), /^HTTP\/1\.1 404[\s\S]*"code":404/],
    [asked('POST', '/v2/%'), /^HTTP\/1\.1 404[\s\S]*"code":404/],
    [asked('POST', `/v2/${'a'.repeat(10_000)}`), /^HTTP\/1\.1 404[\s\S]*"code":404/],
    [
      asked('GET', '/v1/vector/collections/describe?collectionName=%ff%00%'),
      /^HTTP\/1\.1 200[\s\S]*"code":\d+,"message"/,
    ],
    [asked('GET', '/v1/vector/collections/describe?__proto__=1'), /"code":1801/],
    [asked('POST', 'http://elsewhere/v2/vectordb/collections/list'), /^HTTP\/1\.1 404/],
  ])('%j', async (text, answer) => {
    expect(await raw(text)).toMatch(answer);
    await lives();
  });

  it('lengths that lie leave nothing for the next request', async () => {
    const said = await raw(
      `POST ${BASE}collections/list HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n{}GET /v2/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n`,
    );
    expect(said).not.toContain('"openapi"');
    const chunks = await raw(
      `${asked('POST', `${BASE}collections/list`, 'transfer-encoding: chunked')}1\r\n{}\r\n0\r\n\r\n`,
    );
    expect(chunks).not.toContain('"code":0');
    await lives();
  });
});

describe('encodings', () => {
  it.each<[Record<string, string>, number]>([
    [{ 'content-encoding': 'gzip' }, 1801],
    [{ 'content-encoding': 'br, identity' }, 1801],
    [{ 'content-type': 'application/json; charset=utf-16' }, 1801],
    [{ 'content-type': 'text/xml' }, 0],
    [{ 'content-type': 'application/json; charset="UTF-8"' }, 0],
    [{ 'request-timeout': '-1' }, 1100],
    [{ 'request-timeout': '1e400' }, 1100],
    [{ authorization: 'Bearer' }, 0],
  ])('%j is answered %i', async (headers, code) => {
    expect((await post('collections/list', '{}', headers)).code).toBe(code);
    await lives();
  });
});

const insert = (rows: string): string => `{"collectionName":"c","data":${rows}}`;
const row = (more: string): string => insert(`[{"id":1,"vector":[1,2]${more}}]`);

describe('bodies', () => {
  it.each([
    ['entities/insert', row(',"id":2'), 1804],
    ['entities/insert', row(',"\\u0069d":2'), 1804],
    ['entities/insert', row(',"a":1,"a":2'), 1804],
    ['entities/insert', row(',"a":{"b":1,"b":2}'), 1804],
    ['entities/insert', row(',"\\udc00":1'), 1804],
    ['entities/insert', row(',"a":01'), 1804],
    ['entities/insert', row(',"a":tru'), 1804],
    ['entities/insert', row(`,"a":${'['.repeat(600)}${']'.repeat(600)}`), 1801],
    ['entities/insert', row(','), 1804],
    ['entities/insert', row('}'), 1801],
    ['entities/insert', insert('[{"id":9223372036854775808,"vector":[1,2]}]'), 1804],
    ['entities/insert', insert('[{"id":1e3,"vector":[1,2]}]'), 1804],
    ['entities/insert', insert('[{"id":1.0,"vector":[1,2]}]'), 1804],
    ['entities/insert', insert('[{"id":-,"vector":[1,2]}]'), 1804],
    ['entities/insert', insert('[{"id":1,"vector":[1,1e39]}]'), 1804],
    ['entities/insert', insert('[{"id":1,"vector":[1,1e999]}]'), 1804],
    ['entities/insert', insert('[{"id":1,"vector":[1,NaN]}]'), 1804],
    ['entities/insert', insert('[{"id":1,"vector":[1,2,]}]'), 1804],
    ['entities/insert', insert('[{"id":1,"vector":[1 2]}]'), 1804],
    ['entities/insert', insert('[{"id":1,"vector":[01,2]}]'), 1804],
    ['entities/insert', insert('[{"id":1,"vector":[[1,2]]}]'), 1804],
    ['entities/insert', insert('[{"id":1,"vector":null}]'), 1804],
    ['entities/insert', insert('[{"id":1,"vector":[1,2]},]'), 1804],
    ['entities/insert', insert('[{"id":1,"vector":[1,2]} {"id":2,"vector":[1,2]}]'), 1804],
    ['entities/insert', insert('[1]'), 1804],
    ['entities/insert', insert('7'), 1804],
    ['entities/insert', `${insert('[]')}x`, 1801],
    ['entities/search', '{"collectionName":"c","data":[[1,1e39]]}', 1801],
    ['entities/search', '{"collectionName":"c","data":[[1,2],[1]]}', 2000],
    ['entities/search', '{"collectionName":"c","data":[[1,2]],"limit":1e400}', 1801],
    ['entities/search', '{"collectionName":"c","data":[[1,2]],"limit":99999999999999999999}', 1801],
    ['entities/search', '{"collectionName":"c","data":[[1,2]],"limit":1,"limit":2}', 1801],
    ['entities/search', '{"collectionName":"c","data":[[1,2]],"__proto__":{"limit":1}}', 1801],
    ['entities/search', '{"collectionName":"c","data":[[1,2]],"constructor":1}', 1801],
    ['entities/search', '{"collectionName":"c","data":[[1,2]],"searchParams":{"a":{"a":1,"a":2}}}', 1801],
    ['entities/query', '{"collectionName":"c\\ud800"}', 1801],
    ['entities/query', '{"collectionName":"c\u0000"}', 1801],
    ['entities/query', "{'collectionName':'c'}", 1801],
    ['entities/query', '\ufeff{"collectionName":"c"}', 1801],
    ['entities/query', '{"collectionName":"c",}', 1801],
    ['entities/query', '{"collectionName":"c"}{"collectionName":"c"}', 1801],
  ])('%s of %s is refused with %i', async (path, body, code) => {
    const answer = await post(path, body);
    expect(answer.code, answer.message).toBe(code);
    expect(answer.message).toMatch(/\S/);
  });

  it('that are no UTF-8 are refused, in rows as anywhere', async () => {
    const bytes = new TextEncoder().encode(row(',"a":"x"'));
    bytes[bytes.lastIndexOf(0x78)] = 0xff;
    expect(await post('entities/insert', bytes)).toMatchObject({ code: 1801 });
  });

  it('have left nothing behind', async () => {
    expect(
      await post(
        'entities/query',
        '{"collectionName":"c","outputFields":["count(*)"],"consistencyLevel":"Strong"}',
      ),
    ).toMatchObject({
      code: 0,
      data: [{ 'count(*)': 0 }],
    });
    await lives();
  });
});
