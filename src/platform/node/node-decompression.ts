// zlib of Node as Decompression. It has zstd from 22.15 on; before that ours does it, at about a tenth of the speed.
import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import type { BlockCodec, Decompression } from '#platform/files.js';
import { unzstdBlock, unzstdStream, zstdFrames } from '#platform/node/zstd/unzstd.js';

const CHUNK_BYTES = 256 * 1024;

/** What older releases of Node lack. */
type MaybeZstd = Partial<Pick<typeof zlib, 'zstdDecompressSync' | 'createZstdDecompress'>>;
const { zstdDecompressSync, createZstdDecompress }: MaybeZstd = zlib;

function unpackBlock(codec: BlockCodec, packed: Uint8Array, maxOutputLength: number): Uint8Array {
  switch (codec) {
    case 'gzip':
      return zlib.gunzipSync(packed, { maxOutputLength });
    case 'brotli':
      return zlib.brotliDecompressSync(packed, { maxOutputLength });
    case 'zstd':
      return unpackZstd(packed, maxOutputLength);
  }
}

/** zlib stops behind the first frame; ours reads what there is of others. */
function unpackZstd(packed: Uint8Array, maxOutputLength: number): Uint8Array {
  const first = zstdDecompressSync?.(packed, { maxOutputLength });
  return first?.length === maxOutputLength ? first : unzstdBlock(packed, maxOutputLength);
}

export const nodeDecompression: Decompression = {
  block(codec, packed, bytes) {
    const unpacked = unpackBlock(codec, packed, Math.max(1, bytes));
    if (unpacked.length !== bytes) throw new Error(`a block has ${unpacked.length} bytes, expected ${bytes}`);
    return unpacked;
  },

  async *stream(codec, packed) {
    if (codec === 'zstd' && createZstdDecompress === undefined) {
      yield* unzstdStream(packed);
      return;
    }
    const options = { chunkSize: CHUNK_BYTES };
    const out =
      codec === 'zstd' && createZstdDecompress !== undefined
        ? createZstdDecompress(options)
        : zlib.createGunzip(options);
    const source = Readable.from(codec === 'zstd' ? zstdFrames(packed) : packed, {
      objectMode: true,
      highWaterMark: 1,
    });
    source.on('error', (error) => out.destroy(error));
    source.pipe(out);
    try {
      for await (const chunk of out) if (chunk instanceof Uint8Array) yield chunk;
    } finally {
      out.destroy();
      source.destroy();
    }
  },
};
