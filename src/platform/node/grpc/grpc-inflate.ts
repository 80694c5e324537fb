// Compressed messages, made plain piece by piece: a bomb is given up at the bound, before it is large.
import { createGunzip, createInflate } from 'node:zlib';
import { type GrpcStatus, status } from './grpc-status.js';

const decoders = { gzip: createGunzip, deflate: createInflate } as const;

/**
 * @param admit asked for the bytes so far; false: no room
 * @throws GrpcStatus
 */
export function inflate(
  message: Buffer,
  encoding: unknown,
  bytesMax: number,
  admit: (bytes: number) => boolean,
): Promise<Buffer> {
  const make = encoding === 'gzip' || encoding === 'deflate' ? decoders[encoding] : undefined;
  if (make === undefined) {
    if (encoding === undefined || encoding === 'identity') return Promise.resolve(message);
    return fail(
      status.UNIMPLEMENTED,
      `Received message compressed with unsupported encoding "${String(encoding)}"`,
    );
  }
  return new Promise((resolve, reject) => {
    const decoder = make();
    const pieces: Buffer[] = [];
    let length = 0;
    const giveUp = (code: number, details: string): void => {
      decoder.destroy();
      reject({ code, details } satisfies GrpcStatus);
    };
    decoder.on('error', () => giveUp(status.INVALID_ARGUMENT, 'Failed to decompress message'));
    decoder.on('data', (piece: Buffer) => {
      length += piece.length;
      if (length > bytesMax)
        giveUp(
          status.RESOURCE_EXHAUSTED,
          `Received message that decompresses to a size larger than ${bytesMax}`,
        );
      else if (!admit(length))
        giveUp(
          status.RESOURCE_EXHAUSTED,
          `no room for a message that decompresses to more than ${length} bytes; send less at once`,
        );
      else pieces.push(piece);
    });
    decoder.on('end', () => resolve(Buffer.concat(pieces, length)));
    decoder.end(message);
  });
}

const fail = (code: number, details: string): Promise<never> =>
  Promise.reject({ code, details } satisfies GrpcStatus);
