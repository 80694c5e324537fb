// Bytes of log files: golden ones of both versions, and that nothing but what was written decodes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '#base/crc32.js';
import { openMemoryPlatform, simulatedCluster } from '#platform/memory/memory-platform.js';
import { openFileLog } from './file-log.js';
import {
  decodeFrame,
  decodeHeader,
  encodeFrame,
  encodeHeader,
  findProof,
  type LogFileHeader,
} from './frame.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
const toHex = (content: Uint8Array): string =>
  [...content].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const join = (parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));
const header: Omit<LogFileHeader, 'version'> = {
  epoch: 3n,
  firstLsn: 1n,
  term: 2n,
  copyEndLsn: 1n,
  salt: 0x01020304,
};

const format = { version: 2, salt: header.salt } as const;
const frame = (lsn: bigint, index: number, payload: Uint8Array, isCopy = false) =>
  join(encodeFrame({ lsn, index, isCopy, payload }, header.salt, crc32));
/** The example of docs/formats/wal.md. */
const V2 = `
  454c574c020000000300000000000000 01000000000000000200000000000000 010000000000000004030201758dcba0
  0500000086a610360100000000000000 00000000945ac9fa 68656c6c6f000000`;
/** As the program before wrote it. */
const V1 = `
  454c574c010000000300000000000000 010000000000000000000000504ef484
  050000009cced0220100000000000000 68656c6c6f000000`;

describe('frames', () => {
  it('are written byte for byte as documented', () => {
    expect(toHex(join([encodeHeader(header, crc32), frame(1n, 0, bytes('hello'))]))).toBe(toHex(fromHex(V2)));
  });
  it('of version 1 are read, and go on in version 2', async () => {
    const v1 = fromHex(V1);
    expect(decodeHeader(v1, crc32)).toEqual({
      version: 1,
      epoch: 3n,
      firstLsn: 1n,
      term: 0n,
      copyEndLsn: 1n,
      salt: 0,
    });
    const cluster = simulatedCluster(1);
    const platform = openMemoryPlatform({ cluster, host: 'a' });
    const read = async (): Promise<string[]> => {
      const log = await openFileLog(platform, { folder: 'wal/c', epoch: 3n, fileBytesMax: 1000 });
      const found: string[] = [];
      for await (const { lsn, payload } of log.read(0n))
        found.push(`${lsn}:${new TextDecoder().decode(payload)}`);
      await log.append([bytes('more')]);
      return found;
    };
    await cluster.world.runUntil(platform.files.write('wal/c/0000000000000001.log', [v1]));
    for (const expected of [['1:hello'], ['1:hello', '2:more'], ['1:hello', '2:more', '3:more']])
      expect(await cluster.world.runUntil(read())).toEqual(expected);
  });
  it('of version 1: a torn end is left out, damage before a sound entry is reported, a header alone keeps its number', async () => {
    const v1 = fromHex(V1);
    const second = join([v1.slice(32, 40), fromHex('0200000000000000'), v1.slice(48)]);
    new DataView(second.buffer).setUint32(4, crc32(bytes('hello'), crc32(second.slice(8, 16))), true);
    const both = join([v1, second]);
    const open = (content: Uint8Array, first = 1) => {
      const cluster = simulatedCluster(1);
      const platform = openMemoryPlatform({ cluster, host: 'a' });
      return cluster.world.runUntil(
        platform.files
          .write(`wal/c/000000000000000${first}.log`, [content])
          .then(() => openFileLog(platform, { folder: 'wal/c', epoch: 3n, fileBytesMax: 1000 })),
      );
    };
    expect((await open(both)).nextLsn).toBe(3n);
    for (let cut = 32; cut < both.length; cut++)
      expect((await open(both.slice(0, cut))).nextLsn).toBe(cut < 53 ? 1n : cut < 77 ? 2n : 3n);
    for (let at = 0; at < 53; at++) {
      const damaged = both.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x41;
      await expect(open(damaged)).rejects.toMatchObject({ key: 'data_corrupt' });
    }
    expect((await open(new Uint8Array(20), 7)).nextLsn).toBe(7n);
  });
  it('round-trip any payload at any number', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.bigInt({ min: 1n << 31n, max: (1n << 63n) - 1n }),
        fc.nat(0x7fff_ffff),
        fc.boolean(),
        (payload, lsn, index, isCopy) => {
          const framed = frame(lsn, index, payload, isCopy);
          expect(framed.length % 8).toBe(0);
          expect(decodeFrame(framed, 0, lsn, format, crc32)).toMatchObject({
            payload,
            isCopy,
            groupLsn: lsn - BigInt(index),
          });
          expect(decodeFrame(framed, 0, lsn + 1n, format, crc32)).toBeUndefined();
          expect(decodeFrame(framed, 0, lsn, { ...format, salt: 5 }, crc32)).toBeUndefined();
        },
      ),
    );
  });
  it('any bytes decode to nothing or to a sound frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(120), (junk, offset) => {
        expect(decodeFrame(junk, offset, 1n, format, crc32)).toBeUndefined();
        expect(decodeFrame(junk, offset, 1n, { version: 1, salt: 0 }, crc32)).toBeUndefined();
        expect(findProof(junk, offset, { lsn: 0n, isHeader: true }, format, crc32)).toBeUndefined();
        expect(decodeHeader(junk, crc32)).toBeUndefined();
      }),
    );
    expect(decodeHeader(encodeHeader(header, crc32), crc32)).toEqual({ ...header, version: 2 });
  });
  it('prove that what is before their append was durable, and nothing else', () => {
    const bad = new Uint8Array(48);
    const proof = (after: Uint8Array) =>
      findProof(join([bad, after]), 0, { lsn: 5n, isHeader: false }, format, crc32);
    expect(proof(frame(6n, 0, bytes('next append')))).toBe(6n);
    expect(proof(frame(7n, 1, bytes('second of the next append')))).toBe(7n);
    expect(proof(frame(6n, 1, bytes('same append')))).toBeUndefined();
    expect(proof(frame(6n, 3, bytes('same append')))).toBeUndefined();
    expect(proof(frame(6n, 0, bytes('copy'), true))).toBeUndefined();
    expect(proof(frame(4n, 0, bytes('older')))).toBeUndefined();
    expect(
      proof(join(encodeFrame({ lsn: 6n, index: 0, isCopy: false, payload: bad }, 9, crc32))),
    ).toBeUndefined();
    // A frame inside the payload of the torn append cannot know the number of the file.
    const payload = join(encodeFrame({ lsn: 6n, index: 0, isCopy: false, payload: bytes('x') }, 0, crc32));
    expect(proof(frame(5n, 0, payload).subarray(8))).toBeUndefined();
  });
  it('are looked for in time that grows with the bytes', () => {
    const many = new Uint8Array(8 << 20);
    const view = new DataView(many.buffer);
    for (let at = 0; at < many.length; at += 8) view.setUint32(at, at % 16 === 0 ? 1 << 20 : 6, true);
    const calls = { count: 0, bytes: 0 };
    const counting = (content: Uint8Array, seed?: number): number => {
      calls.count++;
      calls.bytes += content.length;
      return crc32(content, seed);
    };
    for (const some of [format, { version: 1, salt: 0 } as const])
      expect(findProof(many, 0, { lsn: 5n, isHeader: false }, some, counting)).toBeUndefined();
    expect(calls.bytes).toBeLessThan(8 * many.length);
  });
});
