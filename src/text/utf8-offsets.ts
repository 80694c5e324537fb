// From places in a JavaScript string to places in its UTF-8. Memory and time are linear in the text, and nothing where it is ASCII.

export class Utf8Offsets {
  readonly #offsets: Uint32Array | undefined;

  constructor(text: string) {
    if (isAscii(text)) return;
    const offsets = new Uint32Array(text.length + 1);
    let bytes = 0;
    for (let at = 0; at < text.length; at++) {
      offsets[at] = bytes;
      bytes += bytesOf(text, at);
    }
    offsets[text.length] = bytes;
    this.#offsets = offsets;
  }

  of(place: number): number {
    return this.#offsets === undefined ? place : (this.#offsets[place] ?? 0);
  }
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

/** What a code unit adds: both halves of a pair two bytes, a half alone three, as it is written as U+FFFD. */
function bytesOf(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code <= 0x7f) return 1;
  if (code <= 0x7ff) return 2;
  const whole = code >= 0xd800 && code <= 0xdfff && isPaired(text, at, code);
  return whole ? 2 : 3;
}

function isPaired(text: string, at: number, code: number): boolean {
  const other = code < 0xdc00 ? text.charCodeAt(at + 1) : text.charCodeAt(at - 1);
  return code < 0xdc00 ? other >= 0xdc00 && other <= 0xdfff : other >= 0xd800 && other < 0xdc00;
}
