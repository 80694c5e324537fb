// Blocks of headers: the examples of RFC 7541, what an encoder of another make sends, and blocks that are none.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TABLE_BYTES_MAX } from './header-table.js';
import { CompressionError, encodeHeaders, HEADER_LIST_BYTES_MAX, HpackDecoder } from './hpack.js';
import { huffmanDecode } from './huffman.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const first = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'];

describe('blocks that follow each other', () => {
  it.each([
    [
      'as they are (C.3)',
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    [
      'in Huffman code (C.4)',
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  ])('%s', (_how, one, two, three) => {
    const decoder = new HpackDecoder();
    expect(decoder.decode(hex(one)).headers).toEqual(first);
    expect(decoder.decode(hex(two)).headers).toEqual([...first, 'cache-control', 'no-cache']);
    expect(decoder.decode(hex(three)).headers).toEqual([
      ...[':method', 'GET', ':scheme', 'https', ':path', '/index.html', ':authority', 'www.example.com'],
      ...['custom-key', 'custom-value'],
    ]);
  });

  it('are read once where they are the same, whatever becomes of their bytes', () => {
    const decoder = new HpackDecoder();
    const block = hex('8286 84be 5886 a8eb 1064 9cbf'); // Changes the table, and is read anew each time.
    decoder.decode(hex('8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d'));
    expect(decoder.decode(block).headers).not.toBe(decoder.decode(block).headers);
    const sent = hex('8386 048c f1e3 c2e5 f23a 6ba0 ab90 f4ff');
    const call = Buffer.from(sent);
    const once = decoder.decode(sent);
    expect(once.headers).toEqual([':method', 'POST', ':scheme', 'http', ':path', 'www.example.com']);
    sent[4] = 0xf3; // The memory is used for what comes next.
    expect(decoder.decode(call)).toBe(once);
    expect(decoder.decode(sent).headers.at(-1)).toBe('xww.example.com');
    expect(decoder.decode(call)).toEqual(once);
  });

  it('mean what the table of the moment says', () => {
    const decoder = new HpackDecoder();
    const keep = (value: string): Buffer => {
      const block = encodeHeaders([['x', value]]);
      block[0] = 0x40;
      return block;
    };
    const newest = Buffer.from([0x80 | 62]);
    for (const value of ['1', '2', '3']) {
      decoder.decode(keep(value));
      for (let again = 0; again < 3; again++) expect(decoder.decode(newest).headers).toEqual(['x', value]);
    }
    decoder.decode(Buffer.from([0x20])); // The table keeps nothing.
    expect(() => decoder.decode(newest)).toThrow(CompressionError);
  });

  it('mean the same to a decoder that sees another block in between, in any order', () => {
    const texts = ['/a/B', 'value', '1', '29998m', 'x'.repeat(40)];
    const literal = fc.record({ first: fc.constantFrom(0, 0x10, 0x40), value: fc.constantFrom(...texts) });
    const part = fc.oneof(
      literal.map(({ first, value }) => {
        const block = encodeHeaders([['x', value]]);
        block[0] = first;
        return block;
      }),
      // Some of those that everybody knows, of the table of the connection, and sizes of it.
      fc.constantFrom(0x82, 0x84, 0x80 | 62, 0x80 | 63, 0x80 | 65).map((byte) => Buffer.from([byte])),
      fc.constant(hex('048c f1e3 c2e5 f23a 6ba0 ab90 f4ff')),
    );
    const block = fc
      .tuple(fc.option(fc.constantFrom(hex('20'), hex('3f 61')), { nil: Buffer.alloc(0) }), fc.array(part))
      .map(([size, parts]) => Buffer.concat([size, ...parts]));
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 4 }), fc.array(fc.nat()), (blocks, order) => {
        const [plain, other] = [new HpackDecoder(), new HpackDecoder()];
        for (const at of order) {
          const bytes = blocks[at % blocks.length] as Buffer;
          other.decode(Buffer.from([0x82]));
          const read = (by: HpackDecoder): unknown => {
            try {
              return by.decode(bytes);
            } catch (error) {
              return String(error);
            }
          };
          expect(read(plain)).toEqual(read(other));
        }
      }),
    );
  });

  it('forgets what does not fit its table, the oldest first (C.5)', () => {
    const decoder = new HpackDecoder();
    const size = hex('3f e1 01'); // 256 bytes.
    const answer =
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d';
    decoder.decode(Buffer.concat([size, hex(answer)]));
    expect(decoder.decode(hex('4803 3330 37c1 c0bf')).headers.slice(0, 2)).toEqual([':status', '307']);
    expect(decoder.decode(hex('88c1')).headers).toEqual([':status', '200', 'cache-control', 'private']);
  });

  it('keeps what a table of its size can keep, over any number of headers', () => {
    const decoder = new HpackDecoder();
    const kept = (at: number): Buffer => {
      const block = encodeHeaders([['x', `${at}`]]);
      block[0] = 0x40;
      return block;
    };
    for (let at = 0; at < 2000; at++) decoder.decode(kept(at));
    expect(decoder.decode(Buffer.from([0x80 | 62, 0x80 | 63])).headers).toEqual(['x', '1999', 'x', '1998']);
    const count = Math.floor(TABLE_BYTES_MAX / (32 + 5));
    const indexed = (place: number): Buffer => Buffer.from([0xff, place - 127]);
    expect(decoder.decode(indexed(61 + count)).headers).toEqual(['x', `${2000 - count}`]);
    expect(() => decoder.decode(indexed(62 + count))).toThrow(CompressionError);
  });
});

describe('lists', () => {
  it('beyond the bound are counted, and not kept', () => {
    const decoder = new HpackDecoder();
    const kept = encodeHeaders([['x', 'y'.repeat(3900)]]);
    kept[0] = 0x40;
    decoder.decode(kept);
    const { headers, bytes } = decoder.decode(Buffer.alloc(10_000, 0x80 | 62));
    expect(bytes).toBe(10_000 * (1 + 3900 + 32));
    expect(headers.join('').length).toBeLessThan(HEADER_LIST_BYTES_MAX);
  });
  it('go out as they come in', () => {
    const texts = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(texts, texts)), (headers) => {
        expect(new HpackDecoder().decode(encodeHeaders(headers)).headers).toEqual(headers.flat());
      }),
    );
  });
});

describe('blocks that are none', () => {
  it.each([
    ['no such header', '80'],
    ['a header that was not kept', 'be'],
    ['a number without an end', 'ff ff ff ff ff ff ff'],
    ['a number that stops', 'ff 80'],
    ['a text that is missing', '00 01 61'],
    ['a text longer than its block', '00 01 61 7f 62'],
    ['Huffman code that ends in no code', '00 01 61 81 00'],
    ['Huffman code with the end of the text', '00 01 61 84 ff ff ff ff'],
    ['a table larger than it may be', '3f ff ff ff ff 0f'],
    ['a new size behind headers', '82 20'],
  ])('%s', (_what, block) => {
    expect(() => new HpackDecoder().decode(hex(block))).toThrow(CompressionError);
  });
  it('end in an error or a list, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (block) => {
        try {
          new HpackDecoder().decode(block);
        } catch (error) {
          expect(error).toBeInstanceOf(CompressionError);
        }
      }),
      { numRuns: 2000 },
    );
  });
  it('padding of eight bits or more is none', () => {
    expect(huffmanDecode(hex('1f'))).toBe('a');
    expect(huffmanDecode(hex('1fff'))).toBeUndefined();
  });
});

it('headers that are longer than the table are not kept by it', () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const value = Buffer.alloc(60_000, 97);
  // A literal that is to be kept: name `a`, and a value of 60,000 bytes.
  const block = Buffer.concat([hex('40 01 61 7f e1 d3 03'), value]);
  const decoders = Array.from({ length: 10 }, () => new HpackDecoder());
  collect();
  const before = process.memoryUsage().heapUsed;
  for (const decoder of decoders)
    for (let at = 0; at < 100; at++) expect(decoder.decode(block).bytes).toBe(60_033);
  collect();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
  expect(() => decoders[0]?.decode(hex('be'))).toThrow(CompressionError);
});

it('a size of the table comes before all headers, also those that are not kept', () => {
  const block = Buffer.concat([hex('00 01 61 7f e1 d3 03'), Buffer.alloc(60_000, 97), hex('20')]);
  expect(() => new HpackDecoder().decode(block)).toThrow(CompressionError);
});
