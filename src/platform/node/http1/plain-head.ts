// Heads of requests as nearly all clients of REST send them: POST, a length, headers that come once, nothing that two readers could understand
// differently. Such a head is read here at once; of any other this reader says nothing at all, and Node's reads it.

import { must } from '#base/assert.js';

export interface PlainHead {
  /** In bytes, the empty line included. */
  readonly length: number;
  readonly path: string;
  /** Lower-case keys. */
  readonly headers: Readonly<Record<string, string>>;
  /** What follows, in bytes; at least one. */
  readonly bodyLength: number;
}

const HEAD_BYTES_MAX = 4096;
const END = Buffer.from('\r\n\r\n');
const REQUEST_LINE = /^POST (\/[\w/.-]*) HTTP\/1\.1\r\n/;
/** One header; its value still has the spaces around it. Nothing is folded, and there are no characters but those of ASCII that can be seen. */
const HEADER = /([\w!#$%&'*+.^`|~-]+):([\t\x20-\x7e]*)\r\n/y;
const LENGTH = /^[1-9]\d{0,11}$/;
/** These say that more is to be understood than is read here. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** @param bytes the first that came of a request @returns undefined: somebody else has to read it */
export function plainHead(bytes: Buffer): PlainHead | undefined {
  const end = bytes.subarray(0, HEAD_BYTES_MAX).indexOf(END);
  if (end < 0) return undefined;
  const text = bytes.toString('latin1', 0, end + 2);
  const [line = '', path] = REQUEST_LINE.exec(text) ?? [];
  if (path === undefined) return undefined;
  const headers = headersOf(text, line.length);
  if (headers === undefined) return undefined;
  const { host, connection = 'keep-alive' } = headers;
  const declared = headers['content-length'] ?? '';
  if (host === undefined || connection.toLowerCase() !== 'keep-alive' || !LENGTH.test(declared))
    return undefined;
  return { length: end + END.length, path, headers, bodyLength: Number(declared) };
}

function headersOf(text: string, begin: number): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  for (let at = begin; at < text.length; at = HEADER.lastIndex) {
    HEADER.lastIndex = at;
    const found = HEADER.exec(text);
    if (found === null) return undefined;
    const [, name = '', value = ''] = found;
    const key = name.toLowerCase();
    // Twice, or a name that every object has.
    if (headers[key] !== undefined || ELSEWHERE.has(key)) return undefined;
    headers[key] = value.trim();
  }
  return headers;
}

const LENGTH_NAME = /\r\ncontent-length:[\t ]*/i;

/** The head of the request before, which that of the next on its connection is nearly always equal to, or but for the digits of its length. */
export class LastHead {
  #head: PlainHead | undefined;
  #bytes: Buffer = Buffer.alloc(0);
  /** Where the digits of the length are. */
  #begin = 0;
  #end = 0;

  /** As `plainHead`. */
  of(bytes: Buffer): PlainHead | undefined {
    return this.#like(bytes) ?? this.#read(bytes);
  }

  #like(bytes: Buffer): PlainHead | undefined {
    const head = this.#head;
    if (head === undefined || bytes.length < head.length) return undefined;
    const last = this.#bytes;
    const [begin, end] = [this.#begin, this.#end];
    const isLike =
      bytes.compare(last, 0, begin, 0, begin) === 0 &&
      bytes.compare(last, end, head.length, end, head.length) === 0;
    if (!isLike) return undefined;
    const digits = bytes.toString('latin1', begin, end);
    if (digits === head.headers['content-length']) return head;
    if (!LENGTH.test(digits)) return undefined;
    return { ...head, headers: { ...head.headers, 'content-length': digits }, bodyLength: Number(digits) };
  }

  #read(bytes: Buffer): PlainHead | undefined {
    const head = plainHead(bytes);
    if (head === undefined) return undefined;
    const { length, headers } = head;
    const name = must(LENGTH_NAME.exec(bytes.toString('latin1', 0, length)), 'the length of a plain request');
    this.#head = head;
    this.#bytes = Buffer.from(bytes.subarray(0, length)); // A view would keep the body.
    this.#begin = name.index + name[0].length;
    this.#end = this.#begin + (headers['content-length'] ?? '').length;
    return head;
  }
}
