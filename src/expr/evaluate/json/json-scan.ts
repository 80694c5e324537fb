// Finds values in JSON text without building any: bytes in, places out. The text was checked when its row was written, so nothing is
// checked again; no loop leaves the bytes it was given, whatever they are. Of a key that is there twice, the first counts.
export const JsonKind = {
  /** Nothing is at the path. */
  none: 0,
  null: 1,
  false: 2,
  true: 3,
  number: 4,
  /** A string without escapes: its bytes are its text. */
  text: 5,
  escaped: 6,
  array: 7,
  object: 8,
} as const;

/** A value in some bytes, filled again and again. */
export class JsonPlace {
  kind = 0;
  /** The first byte of the value; in a string the byte behind its quote. */
  begin = 0;
  /** The closing quote of a string; for arrays and objects the end of the bytes that contain them. */
  end = 0;
}

export interface JsonStep {
  readonly key: Uint8Array;
  /** The bytes of the key are those that a text has for it, unless it writes escapes that it need not. */
  readonly isPlain: boolean;
  /** -1: the step is no index. */
  readonly index: number;
}

const utf8 = new TextEncoder();

export function jsonStep(step: string): JsonStep {
  const key = utf8.encode(step);
  const isIndex = /^(0|[1-9]\d{0,9})$/.test(step);
  return { key, isPlain: !/["\\\p{Cc}]/u.test(step), index: isIndex ? Number(step) : -1 };
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

function skipSpace(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] as number) <= 0x20) at++;
  return at;
}

/** The closing quote of a string. @param from behind its opening quote */
function closingQuote(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) return at;
    at += byte === BACKSLASH ? 2 : 1;
  }
  return end;
}

/** The place behind the value that begins at `from`. */
function skipValue(bytes: Uint8Array, from: number, end: number): number {
  const first = bytes[from] as number;
  if (first === QUOTE) return closingQuote(bytes, from + 1, end) + 1;
  if (first !== OPEN_ARRAY && first !== OPEN_OBJECT) return skipPlain(bytes, from, end);
  let depth = 0;
  for (let at = from; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) at = closingQuote(bytes, at + 1, end);
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth++;
    else if ((byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) && --depth === 0) return at + 1;
  }
  return end;
}

function skipPlain(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte <= 0x20 || byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) break;
    at++;
  }
  return at;
}

/** Notes what the value that begins at `from` is, and where. */
export function readPlace(bytes: Uint8Array, from: number, end: number, into: JsonPlace): void {
  into.begin = from;
  into.end = end;
  switch (bytes[from]) {
    case QUOTE: {
      into.begin = from + 1;
      into.end = closingQuote(bytes, from + 1, end);
      into.kind = hasEscape(bytes, into.begin, into.end) ? JsonKind.escaped : JsonKind.text;
      return;
    }
    case OPEN_ARRAY:
      into.kind = JsonKind.array;
      return;
    case OPEN_OBJECT:
      into.kind = JsonKind.object;
      return;
    case 0x74:
      into.kind = JsonKind.true;
      return;
    case 0x66:
      into.kind = JsonKind.false;
      return;
    case 0x6e:
      into.kind = JsonKind.null;
      return;
    default:
      into.kind = JsonKind.number;
      into.end = skipPlain(bytes, from, end);
  }
}

function hasEscape(bytes: Uint8Array, begin: number, end: number): boolean {
  for (let at = begin; at < end; at++) if (bytes[at] === BACKSLASH) return true;
  return false;
}

/** Finds what is at a path in [begin, end). */
export function findPath(
  bytes: Uint8Array,
  begin: number,
  end: number,
  path: readonly JsonStep[],
  into: JsonPlace,
): void {
  into.kind = JsonKind.none;
  let at = skipSpace(bytes, begin, end);
  for (let step = 0; step < path.length; step++) {
    if (at >= end) return;
    const wanted = path[step] as JsonStep;
    if (bytes[at] === OPEN_OBJECT) at = findKey(bytes, at, end, wanted);
    else if (bytes[at] === OPEN_ARRAY && wanted.index >= 0) at = findElement(bytes, at, end, wanted.index);
    else return;
    if (at < 0) return;
  }
  if (at < end) readPlace(bytes, at, end, into);
}

/** Where the value of a key begins; -1: the object has no such key. */
function findKey(bytes: Uint8Array, open: number, end: number, step: JsonStep): number {
  let at = skipSpace(bytes, open + 1, end);
  while (at < end && bytes[at] === QUOTE) {
    const close = closingQuote(bytes, at + 1, end);
    const isWanted = isKey(bytes, at + 1, close, step);
    // Over the colon.
    const value = skipSpace(bytes, skipSpace(bytes, close + 1, end) + 1, end);
    if (isWanted) return value < end ? value : -1;
    at = nextValue(bytes, skipValue(bytes, value, end), end);
  }
  return -1;
}

function isKey(bytes: Uint8Array, begin: number, end: number, { key, isPlain }: JsonStep): boolean {
  if (isPlain && end - begin === key.length) {
    let at = 0;
    while (at < key.length && bytes[begin + at] === key[at]) at++;
    if (at === key.length) return true;
  }
  if (end - begin <= key.length || !hasEscape(bytes, begin, end)) return false;
  const text = unescaped(bytes, begin, end);
  if (unescapedLength !== key.length) return false;
  for (let at = 0; at < key.length; at++) if (text[at] !== key[at]) return false;
  return true;
}

/** The place where the element begins; -1: the array is shorter. */
function findElement(bytes: Uint8Array, open: number, end: number, index: number): number {
  let at = firstElement(bytes, open, end);
  for (let left = index; left > 0 && at >= 0; left--) at = nextElement(bytes, at, end);
  return at;
}

/** Where the first element of an array begins; -1: it is empty. */
export function firstElement(bytes: Uint8Array, open: number, end: number): number {
  const at = skipSpace(bytes, open + 1, end);
  return at < end && bytes[at] !== CLOSE_ARRAY ? at : -1;
}

/** Where the element behind the one at `from` begins; -1: that was the last. */
export function nextElement(bytes: Uint8Array, from: number, end: number): number {
  const at = nextValue(bytes, skipValue(bytes, from, end), end);
  return at < end ? at : -1;
}

/** The place of the value behind a comma; `end` when there is none. */
function nextValue(bytes: Uint8Array, from: number, end: number): number {
  const at = skipSpace(bytes, from, end);
  return at < end && bytes[at] === COMMA ? skipSpace(bytes, at + 1, end) : end;
}

let buffer = new Uint8Array(256);
/** Bytes of the last text that `unescaped` gave. */
export let unescapedLength = 0;

/** The text of a string that has escapes, until the next call: `unescapedLength` bytes. @param begin behind the opening quote */
export function unescaped(bytes: Uint8Array, begin: number, end: number): Uint8Array {
  // No escape is shorter than what it stands for.
  if (buffer.length < end - begin) buffer = new Uint8Array((end - begin) * 2);
  let to = 0;
  for (let at = begin; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte !== BACKSLASH) {
      buffer[to++] = byte;
      continue;
    }
    const kind = bytes[++at] as number;
    if (kind !== 0x75) {
      buffer[to++] = simpleEscape(kind);
      continue;
    }
    let code = hexAt(bytes, at + 1);
    at += 4;
    const isPair = (code & 0xfc00) === 0xd800 && bytes[at + 1] === BACKSLASH && bytes[at + 2] === 0x75;
    const low = isPair ? hexAt(bytes, at + 3) : 0;
    if ((low & 0xfc00) === 0xdc00) {
      code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
      at += 6;
    }
    to = putCodePoint(code, to);
  }
  unescapedLength = to;
  return buffer;
}

function simpleEscape(kind: number): number {
  switch (kind) {
    case 0x62:
      return 8;
    case 0x66:
      return 12;
    case 0x6e:
      return 10;
    case 0x72:
      return 13;
    case 0x74:
      return 9;
    default:
      return kind;
  }
}

function hexAt(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from; at < from + 4; at++) {
    const byte = bytes[at] as number;
    value = value * 16 + (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57);
  }
  return value;
}

/** Half of a surrogate pair stands for U+FFFD, as in every decoder. @returns behind it */
function putCodePoint(written: number, from: number): number {
  const code = (written & 0xf800) === 0xd800 && written < 0x10000 ? 0xfffd : written;
  let to = from;
  if (code < 0x80) {
    buffer[to++] = code;
    return to;
  }
  if (code < 0x800) buffer[to++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) buffer[to++] = 0xe0 | (code >> 12);
    else {
      buffer[to++] = 0xf0 | (code >> 18);
      buffer[to++] = 0x80 | ((code >> 12) & 0x3f);
    }
    buffer[to++] = 0x80 | ((code >> 6) & 0x3f);
  }
  buffer[to++] = 0x80 | (code & 0x3f);
  return to;
}
