// Checks that bytes are one JSON text (RFC 8259) without building what it says: rows stay bytes all the way to the disk.
// One pass, no recursion; nesting is bounded so that no reader downstream can be made to overflow its stack.
export const JSON_DEPTH_MAX = 512;
const utf8 = new TextDecoder('utf-8', { fatal: true });

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const isHex = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);

export function isJsonText(bytes: Uint8Array): boolean {
  const end = walk(bytes);
  return end !== undefined && isUtf8(bytes);
}

/** A JSON text whose outermost value is an object. */
export function isJsonObject(bytes: Uint8Array): boolean {
  let at = 0;
  while (isSpace(bytes[at])) at++;
  return bytes[at] === 0x7b && isJsonText(bytes);
}

function isUtf8(bytes: Uint8Array): boolean {
  let high = 0;
  for (let at = 0; at < bytes.length; at++) high |= bytes[at] as number;
  if (high < 0x80) return true;
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The position after the text, undefined when it is not JSON. */
function walk(bytes: Uint8Array): number | undefined {
  const closers: number[] = [];
  let at = 0;
  let wants: 'value' | 'value or ]' | 'key' | 'key or }' | 'comma or end' = 'value';
  for (;;) {
    while (isSpace(bytes[at])) at++;
    const byte = bytes[at];
    if (wants === 'comma or end') {
      const closer = closers.at(-1);
      if (closer === undefined) return byte === undefined ? at : undefined;
      if (byte === closer) {
        closers.pop();
        at++;
      } else if (byte === 0x2c) {
        at++;
        wants = closer === 0x7d ? 'key' : 'value';
      } else return undefined;
      continue;
    }
    if (wants === 'key' || wants === 'key or }') {
      if (byte === 0x7d && wants === 'key or }') {
        closers.pop();
        at++;
        wants = 'comma or end';
        continue;
      }
      if (byte !== 0x22) return undefined;
      const end = walkString(bytes, at);
      if (end === undefined) return undefined;
      at = end;
      while (isSpace(bytes[at])) at++;
      if (bytes[at++] !== 0x3a) return undefined;
      wants = 'value';
      continue;
    }
    if (byte === 0x5d && wants === 'value or ]') {
      closers.pop();
      at++;
      wants = 'comma or end';
      continue;
    }
    if (byte === 0x7b || byte === 0x5b) {
      if (closers.length === JSON_DEPTH_MAX) return undefined;
      closers.push(byte === 0x7b ? 0x7d : 0x5d);
      wants = byte === 0x7b ? 'key or }' : 'value or ]';
      at++;
      continue;
    }
    const end = walkPlain(bytes, at);
    if (end === undefined) return undefined;
    at = end;
    wants = 'comma or end';
  }
}

function walkPlain(bytes: Uint8Array, at: number): number | undefined {
  const byte = bytes[at];
  if (byte === 0x22) return walkString(bytes, at);
  if (byte === 0x74) return walkWord(bytes, at, 'true');
  if (byte === 0x66) return walkWord(bytes, at, 'false');
  if (byte === 0x6e) return walkWord(bytes, at, 'null');
  return walkNumber(bytes, at);
}

function walkWord(bytes: Uint8Array, at: number, word: string): number | undefined {
  for (let step = 0; step < word.length; step++)
    if (bytes[at + step] !== word.charCodeAt(step)) return undefined;
  return at + word.length;
}

function walkString(bytes: Uint8Array, begin: number): number | undefined {
  for (let at = begin + 1; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === 0x22) return at + 1;
    if (byte < 0x20) return undefined;
    if (byte !== 0x5c) continue;
    const kind = bytes[++at];
    if (kind === 0x75) {
      for (let step = 0; step < 4; step++) if (!isHex(bytes[++at])) return undefined;
    } else if (kind === undefined || !'"\\/bfnrt'.includes(String.fromCharCode(kind))) return undefined;
  }
  return undefined;
}

function walkNumber(bytes: Uint8Array, begin: number): number | undefined {
  let at = begin;
  if (bytes[at] === 0x2d) at++;
  if (bytes[at] === 0x30) at++;
  else {
    const end = walkDigits(bytes, at);
    if (end === at) return undefined;
    at = end;
  }
  if (bytes[at] === 0x2e) {
    const end = walkDigits(bytes, at + 1);
    if (end === at + 1) return undefined;
    at = end;
  }
  if (((bytes[at] ?? 0) | 0x20) !== 0x65) return at;
  at++;
  if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
  const end = walkDigits(bytes, at);
  return end === at ? undefined : end;
}

/** Behind the digits that begin there; there itself when none does. */
function walkDigits(bytes: Uint8Array, begin: number): number {
  let at = begin;
  while (isDigit(bytes[at])) at++;
  return at;
}
