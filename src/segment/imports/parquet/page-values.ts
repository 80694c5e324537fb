// The values of a page by its encoding: numbers as arrays of numbers, a view of the page where they lie in it as they are; everything else
// one value after the other.

import type { ParquetParsers, SchemaTree } from 'hyparquet';
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { deltaBinaryUnpack, deltaByteArray, deltaLengthByteArray } from 'hyparquet/src/delta.js';
import { byteStreamSplit } from 'hyparquet/src/encoding.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { must } from '#base/assert.js';
import { decodeWkb } from '#model/geometry/wkb.js';
import { formatWkt } from '#model/geometry/wkt.js';
import { formatTimestamp } from '#model/time/timestamptz.js';
import { DamagedFile } from '#segment/imports/file-errors.js';
import { decodeHybrid } from './hybrid-runs.js';
import type { DataPage, PageSource } from './page-source.js';

type Decoder = Parameters<typeof convert>[1];
export type Values = Parameters<typeof convert>[0];

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** Miniblocks of a block of deltas: writers use four. */
const MINIBLOCKS_MAX = 4096;

/** Values as the slots of fields take them: times and places as text, JSON as its text. */
export const parsers: ParquetParsers = {
  ...DEFAULT_PARSERS,
  timestampFromMilliseconds: (millis: bigint) => formatTimestamp(millis * 1000n, 'UTC'),
  timestampFromMicroseconds: (micros: bigint) => formatTimestamp(micros, 'UTC'),
  timestampFromNanoseconds: (nanos: bigint) => formatTimestamp(nanos / 1000n, 'UTC'),
  dateFromDays: (days: number) => formatTimestamp(BigInt(days) * 86_400_000_000n, 'UTC'),
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && utf8.decode(bytes),
  jsonFromBytes: (bytes: Uint8Array | undefined) => bytes && utf8.decode(bytes),
  geometryFromBytes: (bytes: Uint8Array | undefined) => bytes && formatWkt(decodeWkb(bytes)),
  geographyFromBytes: (bytes: Uint8Array | undefined) => bytes && formatWkt(decodeWkb(bytes)),
};

/** The leaf of a column: how its values are stored, and what they mean. */
export class LeafValues {
  readonly #decoder: Decoder;
  #dictionary: Values | undefined;

  /**
   * @param path the elements from the root to the leaf
   * @param keepsBytes whether bytes without a note of what they are stay bytes
   */
  constructor(path: readonly SchemaTree[], keepsBytes: boolean) {
    const { element, path: pathInSchema } = must(path.at(-1), 'leaf of a column');
    const { type } = element;
    if (type === undefined) throw new DamagedFile('a column has no type');
    const schemaPath = [...path];
    this.#decoder = {
      pathInSchema,
      type,
      element,
      schemaPath,
      codec: 'UNCOMPRESSED',
      parsers,
      utf8: !keepsBytes,
    };
  }

  /** @throws Error damaged, or an encoding that is not known */
  of(source: Pick<PageSource, 'dictionary'>, page: DataPage): Values {
    const { encoding, bytes, values } = page;
    if (values === 0) return [];
    if (encoding !== 'PLAIN_DICTIONARY' && encoding !== 'RLE_DICTIONARY')
      return convert(decode(page, this.#decoder), this.#decoder);
    const places = new Uint32Array(values);
    decodeHybrid(bytes.subarray(1), bytes[0] ?? 0, places);
    return pick(this.#dictionaryOf(source), places);
  }

  #dictionaryOf({ dictionary }: Pick<PageSource, 'dictionary'>): Values {
    if (dictionary === undefined) throw new DamagedFile('a page needs a dictionary that is not there');
    const { type, element } = this.#decoder;
    this.#dictionary ??= convert(
      readPlain(readerOf(dictionary.bytes), type, dictionary.values, element.type_length),
      this.#decoder,
    );
    return this.#dictionary;
  }
}

const readerOf = (bytes: Uint8Array) => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  offset: 0,
});

function decode({ encoding, bytes, values }: DataPage, { type, element }: Decoder): Values {
  const reader = readerOf(bytes);
  switch (encoding) {
    case 'PLAIN': {
      const plain = readPlain(reader, type, values, element.type_length);
      if (reader.offset > bytes.length) throw new DamagedFile('values end after their page');
      return plain;
    }
    case 'RLE': {
      const flags = new Uint8Array(values);
      decodeHybrid(bytes.subarray(4), 1, flags);
      return Array.from(flags, (flag) => flag !== 0);
    }
    case 'BYTE_STREAM_SPLIT':
      return byteStreamSplit(reader, values, type, element.type_length);
    case 'DELTA_BINARY_PACKED': {
      checkDeltas(bytes);
      const numbers = type === 'INT32' ? new Int32Array(values) : new BigInt64Array(values);
      deltaBinaryUnpack(reader, values, numbers);
      return numbers;
    }
    case 'DELTA_LENGTH_BYTE_ARRAY':
    case 'DELTA_BYTE_ARRAY': {
      checkDeltas(bytes);
      const texts = new Array<Uint8Array>(values);
      if (encoding === 'DELTA_BYTE_ARRAY') deltaByteArray(reader, values, texts);
      else deltaLengthByteArray(reader, values, texts);
      return texts;
    }
    default:
      throw new DamagedFile(`a page has the encoding ${encoding}, which is not known`);
  }
}

/** The number of miniblocks is an allocation. */
function checkDeltas(bytes: Uint8Array): void {
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let byte = 128, scale = 1; byte >= 128; scale *= 128) {
      byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
    }
    return value;
  };
  const blockValues = next();
  const miniblocks = next();
  if (miniblocks < 1 || miniblocks > MINIBLOCKS_MAX || blockValues < miniblocks)
    throw new DamagedFile(`blocks of ${blockValues} deltas in ${miniblocks} parts`);
}

function pick(from: Values, places: Uint32Array): Values {
  const { length } = places;
  const out =
    from instanceof Float32Array
      ? new Float32Array(length)
      : from instanceof Float64Array
        ? new Float64Array(length)
        : from instanceof Int32Array
          ? new Int32Array(length)
          : new Array<unknown>(length);
  for (let i = 0; i < length; i++) {
    const place = places[i] as number;
    if (place >= from.length) throw new DamagedFile(`value ${place} of a dictionary of ${from.length}`);
    out[i] = from[place];
  }
  return out;
}
