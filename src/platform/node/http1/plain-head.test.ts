// Which heads are read at once, and that they mean to Node what they mean here.
import { createServer, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LastHead, plainHead } from './plain-head.js';

const head = (...lines: string[]): Buffer => Buffer.from([...lines, '', ''].join('\r\n'), 'latin1');
const LINE = 'POST /v2/vectordb/entities/search HTTP/1.1';

it('reads what clients send', () => {
  const bytes = head(
    LINE,
    'host: 127.0.0.1:19530',
    'Connection: keep-alive',
    'Content-Type:application/json',
    'Accept: */*\t',
    'content-length: 12',
  );
  expect(plainHead(Buffer.concat([bytes, Buffer.from('{"a":')]))).toEqual({
    length: bytes.length,
    path: '/v2/vectordb/entities/search',
    headers: {
      host: '127.0.0.1:19530',
      connection: 'keep-alive',
      'content-type': 'application/json',
      accept: '*/*',
      'content-length': '12',
    },
    bodyLength: 12,
  });
});

describe('leaves to others', () => {
  const HOST = 'host: x';
  const LENGTH = 'content-length: 2';
  it.each([
    ['another method', head('GET /v2/a HTTP/1.1', HOST, LENGTH)],
    ['another version', head('POST /v2/a HTTP/1.0', HOST, LENGTH)],
    ['a whole address', head('POST http://x/v2/a HTTP/1.1', HOST, LENGTH)],
    ['a query', head('POST /v2/a?b=c HTTP/1.1', HOST, LENGTH)],
    ['no host', head(LINE, LENGTH)],
    ['two hosts', head(LINE, HOST, HOST, LENGTH)],
    ['no length', head(LINE, HOST)],
    ['no body', head(LINE, HOST, 'content-length: 0')],
    ['two lengths', head(LINE, HOST, LENGTH, LENGTH)],
    ['a length with a sign', head(LINE, HOST, 'content-length: +2')],
    ['a length with a zero before it', head(LINE, HOST, 'content-length: 02')],
    ['two lengths in one', head(LINE, HOST, 'content-length: 2, 2')],
    ['chunks', head(LINE, HOST, LENGTH, 'Transfer-Encoding: chunked')],
    ['chunks alone', head(LINE, HOST, 'transfer-encoding: chunked')],
    ['a question first', head(LINE, HOST, LENGTH, 'expect: 100-continue')],
    ['another protocol', head(LINE, HOST, LENGTH, 'upgrade: h2c')],
    ['the last request', head(LINE, HOST, LENGTH, 'connection: close')],
    ['headers of the connection', head(LINE, HOST, LENGTH, 'connection: keep-alive, x')],
    ['a space before the colon', head(LINE, HOST, 'content-length : 2')],
    ['a line that goes on', head(LINE, HOST, LENGTH, ' more')],
    ['a line without a name', head(LINE, HOST, LENGTH, ': x')],
    ['a line without a colon', head(LINE, HOST, LENGTH, 'x')],
    ['the end of a line in a value', head(LINE, HOST, LENGTH, 'x: a\rb')],
    ['a line that ends early', head(LINE, HOST, LENGTH, 'x: a\ny: b')],
    ['a character that is none', head(LINE, HOST, LENGTH, 'x: a\0')],
    ['letters beyond ASCII', head(LINE, HOST, LENGTH, 'x: é')],
    ['a name of every object', head(LINE, HOST, LENGTH, 'constructor: x')],
    ['lines before the first', head('', LINE, HOST, LENGTH)],
    ['a head that is not whole', head(LINE, HOST, LENGTH).subarray(0, -1)],
    ['a long one', head(LINE, HOST, LENGTH, `x: ${'a'.repeat(5000)}`)],
    ['nothing', Buffer.alloc(0)],
  ])('%s', (_, bytes) => {
    expect(plainHead(bytes)).toBeUndefined();
    expect(new LastHead().of(bytes)).toBeUndefined();
  });
});

it('knows the head that came before, and another from its beginning', () => {
  const heads = new LastHead();
  const one = head(LINE, 'host: x', 'content-length: 2');
  const first = heads.of(Buffer.concat([one, Buffer.from('{}')]));
  expect(first).toEqual(plainHead(one));
  expect(heads.of(Buffer.concat([one, Buffer.from('[]')]))).toBe(first);
  expect(heads.of(one.subarray(0, 20))).toBeUndefined();
  const other = head(LINE, 'host: x', 'content-length: 3');
  expect(heads.of(other)).toEqual(plainHead(other));
  expect(heads.of(one)).toEqual(first);
});

it('reads the head of any request behind any other as if it were the first', () => {
  const heads = new LastHead();
  const lengths = ['12', '13', '99', '7', '02', '1x', '123', '+1', '  ', '13'];
  for (const [at, length] of lengths.entries())
    for (const more of ['x: 12', 'x: 13', 'content-length: 12', 'y: content-length: 12']) {
      const bytes = head(LINE, 'host: x', at % 2 === 0 ? more : 'a: b', `Content-Length:  ${length} `, more);
      expect(heads.of(bytes), bytes.toString()).toEqual(plainHead(bytes));
    }
  const like = (length: string): Buffer => head(LINE, 'host: x', `content-length: ${length}`, 'z: y');
  const first = heads.of(like('12'));
  expect(heads.of(like('13'))).toEqual({
    ...first,
    bodyLength: 13,
    headers: { ...first?.headers, 'content-length': '13' },
  });
  for (const wrong of ['02', '+2', '1 ', '1\n'])
    expect(heads.of(like(wrong)), wrong).toEqual(plainHead(like(wrong)));
  expect(heads.of(like('12'))).toEqual(first);
});

/** @returns undefined when Node refuses it, or waits for more */
function readByNode(bytes: Buffer): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const server = createServer((request) => resolve(request));
    server.on('clientError', () => resolve(undefined));
    server.emit('connection', socket);
    socket.push(bytes);
    setImmediate(() => resolve(undefined));
  });
}

it('understands nothing otherwise than Node does', async () => {
  const part = fc.constantFrom(
    ...[
      'host: x',
      'Host:y',
      'content-length: 2',
      'Content-Length:  7 ',
      'x: a',
      'x-y:',
      'connection: Keep-Alive',
    ],
    ...[
      'connection: close',
      'transfer-encoding: chunked',
      'authorization: Bearer a:b',
      ' x',
      'x : y',
      'cookie: a=b',
    ],
  );
  const damage = fc.option(
    fc.tuple(fc.nat(400), fc.constantFrom('\r', '\n', '\0', ' ', ':', ',', 'a', '1', 'é')),
  );
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 4 }), damage, async (parts, hit) => {
      const bytes = head(LINE, 'host: z', 'content-length: 9', ...parts);
      if (hit !== null) bytes[hit[0] % bytes.length] = hit[1].charCodeAt(0);
      const mine = plainHead(bytes);
      if (mine === undefined) return;
      taken++;
      const theirs = await readByNode(bytes);
      expect(theirs?.method).toBe('POST');
      expect(theirs?.url).toBe(mine.path);
      expect({ ...theirs?.headers }).toEqual(mine.headers);
    }),
    { numRuns: 500 },
  );
  expect(taken).toBeGreaterThan(20);
});
