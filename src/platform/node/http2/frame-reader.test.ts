// Frames are the same however the bytes of a connection are cut into chunks.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader } from './frame-reader.js';
import { errorCode, FRAME_BYTES_MAX, frameOf } from './frames.js';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
interface Frame {
  readonly kind: number;
  readonly flags: number;
  readonly stream: number;
  readonly body: string;
}

function readAll(chunks: readonly Buffer[]): { readonly frames: Frame[]; readonly problem: unknown } {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    const problem = reader.read(chunk, (kind, flags, stream, body) => {
      frames.push({ kind, flags, stream, body: body.toString('hex') });
      return undefined;
    });
    if (problem !== undefined) return { frames, problem };
  }
  return { frames, problem: undefined };
}

describe('frames', () => {
  it('come as they were sent, in chunks of any length', () => {
    const frame = fc.record({
      kind: fc.nat(255),
      flags: fc.nat(255),
      stream: fc.nat(0x7fffffff),
      body: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.nat(30), { maxLength: 60 }),
        (sent, cuts) => {
          const bytes = Buffer.concat([
            preface,
            ...sent.map(({ kind, flags, stream, body }) => frameOf(kind, flags, stream, body)),
          ]);
          const chunks: Buffer[] = [];
          let at = 0;
          for (const cut of cuts) {
            chunks.push(bytes.subarray(at, at + cut));
            at += cut;
          }
          chunks.push(bytes.subarray(at));
          const expected = sent.map((one) => ({ ...one, body: Buffer.from(one.body).toString('hex') }));
          expect(readAll(chunks)).toEqual({ frames: expected, problem: undefined });
        },
      ),
      { numRuns: 500 },
    );
  });
  it('that are too long, and another preface, are refused at once', () => {
    const long = Buffer.concat([preface, Buffer.from('00400100000000000', 'hex'), Buffer.alloc(9)]);
    long.writeUIntBE(FRAME_BYTES_MAX + 1, preface.length, 3);
    expect(readAll([long]).problem).toBe(errorCode.frameSize);
    expect(readAll([Buffer.from('PRI * HTTP/1.1')]).problem).toBe(errorCode.protocol);
  });
  it('are not handed on behind one that is wrong', () => {
    const reader = new FrameReader();
    let seen = 0;
    const frame = frameOf(6, 0, 0, Buffer.alloc(8));
    const problem = reader.read(Buffer.concat([preface, frame, frame]), () => {
      seen++;
      return errorCode.calm;
    });
    expect([seen, problem]).toEqual([1, errorCode.calm]);
  });
});
