// Opens files that a client named, and reads them: at any place, or from begin to end as slices, which are unpacked on the way.
import { ElanusError } from '#base/errors.js';
import type { ReadFile } from '#platform/files.js';
import { Pace } from '#platform/pace.js';
import { fileFailed, fileMissing, ofFile, throwIfAborted } from './file-errors.js';
import type { FileGroup, Reading } from './reading.js';

/** Runs `use` with the file, which is closed after it. */
export async function* withFile<T>(
  key: string,
  reading: Reading,
  use: (file: ReadFile) => AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  const file = await openFile(key, reading);
  try {
    yield* use(file);
  } finally {
    await file.close();
  }
}

export async function openFile(key: string, { platform, limits }: Reading): Promise<ReadFile> {
  const file = await platform.objectStore.openRead(key).catch((error: unknown) => {
    if (!(error instanceof ElanusError) || error.key !== 'invalid_parameter') throw error;
    throw new ElanusError('import_failed', error.message, { cause: error });
  });
  if (file === undefined) throw fileMissing(key);
  if (file.size <= limits.fileBytesMax) return file;
  await file.close();
  throw fileFailed(key, `has ${file.size} bytes, expected at most ${limits.fileBytesMax}; split it`);
}

/** @param range bytes of the file; `into`: memory for them, when it is large enough. @throws import_failed when the file became shorter */
export async function readWhole(
  file: ReadFile,
  key: string,
  {
    begin,
    end,
    into,
  }: { readonly begin: number; readonly end: number; readonly into?: Uint8Array<ArrayBuffer> },
): Promise<Uint8Array> {
  const slice = await file.read(begin, end, into);
  if (slice.length === end - begin) return slice;
  throw fileFailed(
    key,
    `changed while it was read: ${slice.length} bytes at ${begin}, expected ${end - begin}; import it again`,
  );
}

async function* packedSlices(
  file: ReadFile,
  key: string,
  { platform, limits, signal, count }: Reading,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let begin = 0; begin < file.size; begin += limits.sliceBytes) {
    const end = Math.min(file.size, begin + limits.sliceBytes);
    yield await readWhole(file, key, { begin, end });
    count.bytes += end - begin;
    await platform.timers.yield();
    throwIfAborted(signal);
  }
}

/** The bytes of a file in order. What a packed file becomes has the bound of one that is not packed. */
export async function* slicesOf(
  { keys: [key = ''], format: { codec } }: FileGroup,
  reading: Reading,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openFile(key, reading);
  try {
    const packed = packedSlices(file, key, reading);
    if (codec === undefined) yield* packed;
    else yield* unpacked(packed, { key, codec, reading });
  } finally {
    await file.close();
  }
}

async function* unpacked(
  packed: AsyncIterable<Uint8Array>,
  from: { readonly key: string; readonly codec: 'gzip' | 'zstd'; readonly reading: Reading },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { key, codec, reading } = from;
  const { decompression } = reading.platform;
  if (decompression === undefined)
    throw new ElanusError('unsupported', `file ${JSON.stringify(key)} is packed, this platform unpacks none`);
  const slices = decompression.stream(codec, packed)[Symbol.asyncIterator]();
  // A few bytes may become gigabytes, and a reader that has a slice at hand lets nobody else have a turn.
  const pace = new Pace(reading.platform, { signal: reading.signal });
  let total = 0;
  try {
    for (;;) {
      const next = await ofFile(key, () => slices.next());
      if (next.done === true) return;
      total += next.value.length;
      if (total > reading.limits.fileBytesMax)
        throw fileFailed(key, `unpacks to more than ${reading.limits.fileBytesMax} bytes; split it`);
      yield next.value;
      throwIfAborted(reading.signal);
      if (pace.isDue) await pace.rest();
    }
  } finally {
    await slices.return?.(undefined);
  }
}
