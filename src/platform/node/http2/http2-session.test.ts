// One connection over a socket without a network: frames that are cut, changed and doubled, and peers that do not read.
import { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { END_HEADERS, END_STREAM, frameKind, frameOf, PRIORITY, wordFrame } from './frames.js';
import { encodeHeaders } from './hpack.js';
import { Http2Session } from './http2-session.js';
import type { Http2Stream } from './http2-stream.js';

const greeting = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frameOf(frameKind.settings, 0, 0, Buffer.alloc(0)),
]);
const PADDED = 8;
const requestBlock = encodeHeaders([
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a'],
  ['te', 'trailers'],
]);
const answerBlock = encodeHeaders([[':status', '200']]);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What goes is kept; it leaves the process when `isTaken`. */
class TestSocket extends Socket {
  isTaken = true;
  readonly sent: Buffer[] = [];
  #leave: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.sent.push(chunk);
    if (this.isTaken) done();
    else this.#leave = done;
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    for (const { chunk } of chunks) this.sent.push(chunk);
    if (this.isTaken) done();
    else this.#leave = done;
  }

  override _final(done: () => void): void {
    done();
  }

  /** What was held back leaves. */
  letGo(): void {
    const leave = this.#leave;
    this.#leave = undefined;
    leave?.();
  }

  come(bytes: Buffer): void {
    if (!this.destroyed) this.emit('data', bytes);
  }
}

/** Answers each request with as many bytes as it sent. */
function echo(stream: Http2Stream): void {
  let bytes = 0;
  stream.listener = {
    data(chunk) {
      bytes += chunk.length;
      stream.grant(chunk.length);
      return false;
    },
    ended() {
      const body = Buffer.alloc(bytes, 7);
      if (stream.answerAtOnce(answerBlock, Buffer.alloc(0), body, answerBlock)) return;
      stream.begin(answerBlock);
      stream.end(body, answerBlock);
    },
    closed() {},
  };
}

function connected(onStream: (stream: Http2Stream) => void = echo) {
  const socket = new TestSocket();
  const streams = new Set<Http2Stream>();
  const session = new Http2Session(socket, {
    streamsMax: 20,
    onStream: (stream) => {
      streams.add(stream);
      onStream(stream);
    },
    onClose() {},
  });
  return { socket, session, streams };
}

interface Frame {
  readonly kind: number;
  readonly flags: number;
  readonly stream: number;
  readonly body: Buffer;
}

/** All frames that were sent; what is no whole frame is a failure. */
function framesOf(sent: readonly Buffer[]): Frame[] {
  const bytes = Buffer.concat(sent);
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    expect(end).toBeLessThanOrEqual(bytes.length);
    const [kind = -1, flags = 0] = bytes.subarray(at + 3, at + 5);
    frames.push({ kind, flags, stream: bytes.readUInt32BE(at + 5), body: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

const settingOf = (id: number, value: number): Buffer => {
  const body = Buffer.alloc(6);
  body.writeUInt16BE(id, 0);
  body.writeUInt32BE(value, 2);
  return frameOf(frameKind.settings, 0, 0, body);
};
const padded = (body: Buffer, by: number): Buffer =>
  Buffer.concat([Buffer.from([by]), body, Buffer.alloc(by)]);

/** A request as some client sends it, in frames. */
const request = fc
  .record({
    split: fc.integer({ min: 0, max: requestBlock.length }),
    form: fc.constantFrom('whole', 'continued', 'padded', 'priority'),
    pieces: fc.array(
      fc.record({ bytes: fc.integer({ min: 0, max: 3000 }), pad: fc.integer({ min: -1, max: 9 }) }),
      { maxLength: 5 },
    ),
    end: fc.constantFrom('data', 'trailers', 'reset'),
  })
  .map(({ split, form, pieces, end }) => (id: number): Buffer[] => {
    const [head, rest] = [requestBlock.subarray(0, split), requestBlock.subarray(split)];
    const headers = {
      whole: () => frameOf(frameKind.headers, END_HEADERS, id, requestBlock),
      continued: () =>
        Buffer.concat([
          frameOf(frameKind.headers, 0, id, head),
          frameOf(frameKind.continuation, END_HEADERS, id, rest),
        ]),
      padded: () => frameOf(frameKind.headers, END_HEADERS | PADDED, id, padded(requestBlock, split)),
      priority: () =>
        frameOf(
          frameKind.headers,
          END_HEADERS | PRIORITY,
          id,
          Buffer.concat([Buffer.alloc(5), requestBlock]),
        ),
    }[form]();
    const data = pieces.map(({ bytes, pad }) =>
      pad < 0
        ? frameOf(frameKind.data, 0, id, Buffer.alloc(bytes, 1))
        : frameOf(frameKind.data, PADDED, id, padded(Buffer.alloc(bytes, 1), pad)),
    );
    const last = {
      data: () => frameOf(frameKind.data, END_STREAM, id, Buffer.alloc(1)),
      trailers: () => frameOf(frameKind.headers, END_HEADERS | END_STREAM, id, encodeHeaders([['x', 'y']])),
      reset: () => wordFrame(frameKind.reset, id, 8),
    }[end]();
    return [headers, ...data, last];
  });
const other = fc.oneof(
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((body) => frameOf(frameKind.ping, 0, 0, body)),
  fc.integer({ min: 0, max: 70_000 }).map((bytes) => settingOf(4, bytes)),
  fc.integer({ min: 16_384, max: 0xffffff }).map((bytes) => settingOf(5, bytes)),
  fc.integer({ min: 1, max: 100_000 }).map((bytes) => wordFrame(frameKind.window, 0, bytes)),
  fc.uint8Array({ maxLength: 20 }).map((body) => frameOf(0x55, 0xff, 3, body)),
  fc.constant(frameOf(frameKind.priority, 0, 5, Buffer.alloc(5))),
);
/** What a client that keeps to the protocol sends, frame for frame. */
const conversation = fc
  .array(fc.tuple(request, fc.array(other, { maxLength: 3 })), { maxLength: 12 })
  .map((parts) => [greeting, ...parts.flatMap(([frames, others], at) => [...frames(2 * at + 1), ...others])]);

function inPieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, at) => bytes.subarray(places[at], end));
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });

describe('a connection', () => {
  it('takes all that the protocol allows, however it is cut, and answers each', async () => {
    await fc.assert(
      fc.asyncProperty(conversation, cuts, async (frames, places) => {
        const { socket, session, streams } = connected();
        for (const piece of inPieces(Buffer.concat(frames), places)) {
          socket.come(piece);
          await turn();
        }
        // Whoever was kept back by a window is let go on.
        socket.come(Buffer.concat([settingOf(4, 1_000_000), wordFrame(frameKind.window, 0, 1_000_000)]));
        await turn();
        expect(session.isEnded).toBe(false);
        expect([...streams].filter(({ isClosed }) => !isClosed)).toEqual([]);
        expect(framesOf(socket.sent).filter(({ kind }) => kind === frameKind.reset)).toEqual([]);
        session.destroy();
      }),
      { numRuns: 150 },
    );
  });

  it('answers or ends whatever comes, and lets go of every stream', async () => {
    const change = fc.record({ at: fc.nat(), by: fc.integer({ min: 1, max: 255 }), how: fc.nat({ max: 2 }) });
    await fc.assert(
      fc.asyncProperty(
        conversation,
        cuts,
        fc.array(change, { minLength: 1, maxLength: 8 }),
        async (frames, places, changes) => {
          const bytes = [...Buffer.concat(frames)];
          for (const { at, by, how } of changes) {
            const place = greeting.length + (at % Math.max(1, bytes.length - greeting.length));
            if (how === 0) bytes[place] = (bytes[place] ?? 0) ^ by;
            else if (how === 1) bytes.splice(place, by);
            else bytes.splice(place, 0, ...bytes.slice(Math.max(greeting.length, place - by), place));
          }
          const { socket, session, streams } = connected();
          for (const piece of inPieces(Buffer.from(bytes), places)) {
            socket.come(piece);
            await turn();
          }
          const open = [...streams].filter(({ isClosed }) => !isClosed);
          expect(open.length).toBeLessThanOrEqual(session.isEnded ? 0 : 20);
          const sent = framesOf(socket.sent);
          if (session.isEnded) expect(sent.at(-1)?.kind).toBe(frameKind.goaway);
          session.destroy();
          await turn();
          expect(open.filter(({ isClosed }) => !isClosed)).toEqual([]);
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('a peer that does not read', () => {
  it('is not read either, and gets everything when it reads again', async () => {
    const { socket } = connected((stream) => {
      stream.respond(encodeHeaders([['x', 'y'.repeat(300)]]));
      stream.reset(0);
    });
    socket.come(greeting);
    await turn();
    socket.isTaken = false;
    let requests = 0;
    // Each is answered, and its stream is gone: nothing but the answer is left of it.
    for (; requests < 10_000 && !socket.isPaused(); requests++) {
      socket.come(frameOf(frameKind.headers, END_HEADERS, 2 * requests + 1, requestBlock));
      if (requests % 100 === 0) await turn();
    }
    expect(socket.isPaused()).toBe(true);
    expect(socket.writableLength).toBeLessThan(2 * 1024 * 1024);
    socket.isTaken = true;
    socket.letGo();
    await turn();
    expect(socket.isPaused()).toBe(false);
    const resets = framesOf(socket.sent).filter(({ kind }) => kind === frameKind.reset);
    expect(resets).toHaveLength(requests);
  });

  it('is one that leaves answers to pings, not one that has read them later', async () => {
    const { socket, session } = connected();
    socket.come(greeting);
    const ping = frameOf(frameKind.ping, 0, 0, Buffer.alloc(8));
    // As over TLS: nothing leaves at once.
    socket.isTaken = false;
    for (let round = 0; round < 60; round++) {
      socket.come(Buffer.concat(Array.from({ length: 200 }, () => ping)));
      for (let at = 0; at < 4; at++) {
        await turn();
        socket.letGo();
      }
    }
    expect(socket.destroyed).toBe(false);
    for (let round = 0; round < 60; round++)
      socket.come(Buffer.concat(Array.from({ length: 200 }, () => ping)));
    expect(socket.destroyed).toBe(true);
    session.destroy();
  });

  it('is none that is slow to read, and so to answer a ping: whatever comes from it says that it is there', async () => {
    const { socket, session } = connected();
    socket.come(greeting);
    await turn();
    // What was sent does not leave: the ping waits behind it.
    socket.isTaken = false;
    let heard = 0;
    session.ping(() => heard++);
    await turn();
    expect(heard).toBe(0);
    socket.come(wordFrame(frameKind.window, 0, 1000));
    socket.come(wordFrame(frameKind.window, 0, 1000));
    expect(heard).toBe(1);
    session.ping(() => heard++);
    socket.come(frameOf(frameKind.ping, 1, 0, Buffer.alloc(8)));
    expect(heard).toBe(2);
    session.destroy();
  });
});

describe('a chunk of data', () => {
  const sent = 40_000;
  /** What is left of chunks when a listener has, or has not, gone on reading them. */
  function chunksAfter(keeps: boolean): { readonly lengths: number[]; readonly kept: Buffer[] } {
    const kept: Buffer[] = [];
    const { socket } = connected((stream) => {
      stream.listener = {
        data(chunk) {
          if (keeps) kept.push(chunk);
          return keeps;
        },
        ended() {},
        closed() {},
      };
    });
    const chunkOf = (bytes: Buffer): Buffer => {
      const chunk = Buffer.allocUnsafeSlow(bytes.length);
      bytes.copy(chunk);
      return chunk;
    };
    const frames = Array.from({ length: 3 }, (_, at) =>
      frameOf(frameKind.data, 0, 1, Buffer.alloc(16_000, at)),
    );
    const all = Buffer.concat(frames).subarray(0, sent);
    const chunks = [all.subarray(0, 20_000), all.subarray(20_000)].map(chunkOf);
    socket.come(Buffer.concat([greeting, frameOf(frameKind.headers, END_HEADERS, 1, requestBlock)]));
    for (const chunk of chunks) socket.come(chunk);
    return { lengths: chunks.map(({ length }) => length), kept };
  }

  it('is gone when nobody reads it any more', () => {
    const left = 'transfer' in ArrayBuffer.prototype ? 0 : 20_000;
    expect(chunksAfter(false).lengths).toEqual([left, left]);
  });

  it('stays as it is as long as somebody does', () => {
    const { lengths, kept } = chunksAfter(true);
    expect(lengths).toEqual([20_000, 20_000]);
    const bytes = Buffer.concat(kept);
    expect([bytes.length, bytes[0], bytes[16_000], bytes[32_000]]).toEqual([sent - 27, 0, 1, 2]);
  });
});
