// HTTP/2 written by hand, for peers that no library would be: frames of any kind and length, headers in plain HPACK, and a socket that counts
// what comes back without understanding more of it than it must.
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;

export function frame(
  type: number,
  flags: number,
  stream: number,
  body: Uint8Array = new Uint8Array(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** An integer of HPACK behind a prefix of some bits. */
function integer(value: number, prefixBits: number, first: number): Buffer {
  const max = 2 ** prefixBits - 1;
  if (value < max) return Buffer.from([first | value]);
  const bytes = [first | max];
  for (value -= max; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
  return Buffer.from(bytes);
}

const text = (value: string): Buffer =>
  Buffer.concat([integer(value.length, 7, 0), Buffer.from(value, 'latin1')]);

/** Literal headers, in the order given, also those that no client may send. @param isKept put into the table of the connection */
export const headerBlock = (headers: readonly (readonly [string, string])[], isKept = false): Buffer =>
  Buffer.concat(
    headers.flatMap(([name, value]) => [Buffer.from([isKept ? 0x40 : 0]), text(name), text(value)]),
  );

/** A header of the table of the connection, by its place. */
export const tabled = (place: number): Buffer => integer(place, 7, 0x80);

export const callHeaders = (path: string): readonly (readonly [string, string])[] => [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', path],
  [':authority', 'a'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];

export const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(frameType.settings, 0, 0),
]);

export interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly body: Buffer;
}

/** The whole frames in what came. */
export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    const [type = -1, stream] = [bytes[at + 3], bytes.readUInt32BE(at + 5)];
    if (end <= bytes.length) frames.push({ type, stream, body: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

export interface Peer {
  readonly socket: Socket;
  /** Everything that came, when it is kept. */
  received(): Buffer;
  readonly closed: Promise<void>;
  /** Writes unless the other side has closed; waits while the socket is full, for a moment at most. */
  send(...parts: readonly Uint8Array[]): Promise<void>;
}

/** What a peer over TLS says it speaks, and whom it trusts. */
export interface PeerTls {
  readonly ca: string;
  readonly protocol: 'h2' | 'http/1.1';
}

/** @param tls not given: plain text, from the first byte on the peer's */
export async function peer(port: number, tls?: PeerTls): Promise<Peer> {
  const at = { port, host: '127.0.0.1', noDelay: true };
  const socket =
    tls === undefined ? connect(at) : connectTls({ ...at, ca: tls.ca, ALPNProtocols: [tls.protocol] });
  socket.setMaxListeners(0); // One for each write that waits.
  const pieces: Buffer[] = [];
  socket.on('data', (piece) => void pieces.push(piece));
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve) => socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve));
  return {
    socket,
    received: () => Buffer.concat(pieces),
    closed,
    async send(...parts) {
      if (socket.destroyed || !socket.writable || socket.write(Buffer.concat(parts))) return;
      await new Promise<void>((resolve) => {
        const go = (): void => {
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(go, 200);
        socket.once('drain', go).once('close', go);
      });
    },
  };
}
