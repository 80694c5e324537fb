// Where the texts of a list lie in its bytes, which are those of a message `StringArray` (`text-list.ts`).
import { ElanusError } from '#base/errors.js';
import { notUtf8 } from './bounded-decode.js';

/** Texts that lie in bytes: number i is [begins[i], ends[i]). */
export interface TextSpans {
  readonly length: number;
  /** UTF-8. */
  readonly bytes: Uint8Array;
  readonly begins: Uint32Array;
  readonly ends: Uint32Array;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Field 1, with a length. */
const TAG = 10;

/** Texts of one list: a message has room for four times as many empty ones, whose table would take a gigabyte. */
export const LIST_TEXTS_MAX = 2 ** 23;

const tooMany = (): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    `a list of texts in a template has more than ${LIST_TEXTS_MAX} texts; send several requests`,
  );

const damaged = (): ElanusError =>
  new ElanusError(
    'invalid_parameter',
    'a list of texts in a template is damaged; send the bytes of a message StringArray',
  );

/** Where the texts of a list lie in its bytes. @throws invalid_parameter for other bytes, for what is no UTF-8, and for too many */
export function textSpans(bytes: Uint8Array): TextSpans {
  let begins = new Uint32Array(16);
  let ends = new Uint32Array(16);
  let length = 0;
  for (let at = 0; at < bytes.length; length++) {
    if (bytes[at++] !== TAG) throw damaged();
    if (length === LIST_TEXTS_MAX) throw tooMany();
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) throw damaged();
      size += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (at + size > bytes.length) throw damaged();
    checkUtf8(bytes, at, at + size);
    if (length === begins.length) [begins, ends] = [grown(begins), grown(ends)];
    begins[length] = at;
    at += size;
    ends[length] = at;
  }
  return { length, bytes, begins: begins.subarray(0, length), ends: ends.subarray(0, length) };
}

function grown(from: Uint32Array): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(from.length * 2);
  to.set(from);
  return to;
}

function checkUtf8(bytes: Uint8Array, begin: number, end: number): void {
  for (let at = begin; at < end; at++) {
    if ((bytes[at] as number) < 0x80) continue;
    try {
      strict.decode(bytes.subarray(begin, end));
      return;
    } catch {
      throw notUtf8();
    }
  }
}

/** The texts as strings. */
export function* textsIn({ length, bytes, begins, ends }: TextSpans): Generator<string> {
  for (let at = 0; at < length; at++) yield strict.decode(bytes.subarray(begins[at], ends[at]));
}
