// Bodies that say what one before said, but for the member that stays bytes: the searches of a client mostly differ in nothing but their
// vectors. What stands around those is compared with what stood there before, byte by byte, and is not read again when it is the same.
import { type JsonBytes, valueEnd } from '#model/json/json-bytes.js';
import { RawJson } from './raw-json.js';

/** Bodies of one schema that are kept. */
const KEPT_MAX = 4;
/** Longer ones, as those with a filter that names many keys, seldom come twice. */
const AROUND_BYTES_MAX = 1024;
const LIST = 0x5b;

export interface ReadBody {
  readonly body: unknown;
  /** Number of values that it holds beside raw members. */
  readonly values: number;
}

interface Kept {
  /** Up to where the raw member begins, and from where it ends. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly rawKey: string;
  /** Frozen, with all that is in it: every body that is like it shares that. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly values: number;
}

export class LastBodies {
  readonly #kept: Kept[] = [];
  /** Whose place the next one takes. */
  #oldest = 0;

  /** @returns what reading the body anew would give; undefined: it has to be read */
  like(source: JsonBytes): ReadBody | undefined {
    const { bytes } = source;
    for (const { before, after, rawKey, body, values } of this.#kept) {
      const begin = before.length;
      const end = bytes.length - after.length;
      if (end <= begin || bytes[begin] !== LIST) continue;
      if (!isAt(bytes, 0, before) || !isAt(bytes, end, after) || valueEnd(bytes, begin) !== end) continue;
      return { body: { ...body, [rawKey]: new RawJson(source, begin, end) }, values };
    }
    return undefined;
  }

  /** @param read what the bytes were read to */
  keep({ bytes }: JsonBytes, { body, values }: ReadBody): void {
    const given = body as Readonly<Record<string, unknown>>;
    const rawKeys = Object.keys(given).filter((key) => given[key] instanceof RawJson);
    const [rawKey] = rawKeys;
    if (rawKey === undefined || rawKeys.length > 1) return;
    const { begin, end } = given[rawKey] as RawJson;
    if (bytes[begin] !== LIST || begin + bytes.length - end > AROUND_BYTES_MAX) return;
    this.#kept[this.#oldest] = {
      before: bytes.slice(0, begin),
      after: bytes.slice(end),
      rawKey,
      body: frozen({ ...given, [rawKey]: undefined }),
      values,
    };
    this.#oldest = (this.#oldest + 1) % KEPT_MAX;
  }
}

function isAt(bytes: Uint8Array, begin: number, part: Uint8Array): boolean {
  for (let at = 0; at < part.length; at++) if (bytes[begin + at] !== part[at]) return false;
  return true;
}

/** What shares it would see each other's changes; now whoever changes it hears of it. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const key of Object.keys(value)) frozen(Reflect.get(value, key));
  return Object.freeze(value);
}
