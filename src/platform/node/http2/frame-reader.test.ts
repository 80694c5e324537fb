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

/** Data that was handed on as several frames is one frame again. */
function joined(frames: readonly Frame[]): Frame[] {
  const all: Frame[] = [];
  for (const frame of frames) {
    const last = all.at(-1);
    const isSame = last?.kind === 0 && frame.kind === 0 && last.stream === frame.stream;
    // A last frame, or one that is padded, stands for itself.
    if (last && isSame && (last.flags & 9) === 0 && last.flags === (frame.flags & ~1))
      all.splice(-1, 1, { ...frame, body: last.body + frame.body });
    else all.push(frame);
  }
  return all;
}

describe('frames', () => {
  it('come as they were sent, in chunks of any length', () => {
    const frame = fc.record({
      kind: fc.oneof(fc.constant(0), fc.nat(255)),
      flags: fc.oneof(fc.constantFrom(0, 1, 8, 9), fc.nat(255)),
      stream: fc.oneof(fc.nat(2), fc.nat(0x7fffffff)),
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
          const { frames, problem } = readAll(chunks);
          expect(joined(frames)).toEqual(joined(expected));
          expect(problem).toBeUndefined();
          // No more frames than chunks can make of them, and none of them empty that was not.
          expect(frames.length).toBeLessThanOrEqual(expected.length + chunks.length);
          const isEmpty = ({ body }: Frame): boolean => body === '';
          expect(frames.filter(isEmpty).length).toBe(expected.filter(isEmpty).length);
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
