// What an import says about the place where it failed: the file, the row from 1, and what the field's own check says.
import { ElanusError } from '#base/errors.js';
import { NotFiniteError } from '#model/rows/cell-columns.js';

const quoted = (key: string): string => JSON.stringify(key.slice(0, 200));

export const fileFailed = (key: string, text: string, cause?: unknown): ElanusError =>
  new ElanusError('import_failed', `file ${quoted(key)} ${text}`, { cause });

/** A fact about the bytes of a file that do not follow its format. Whoever opened the file adds its name and what to do. */
export class DamagedFile extends Error {
  override readonly name = 'DamagedFile';
}

export const fileMissing = (key: string): ElanusError =>
  fileFailed(key, 'not found in the object store, expected it to be there before the import; upload it');

/** What checks of values throw. */
const ofValues: ReadonlySet<string> = new Set(['import_failed', 'invalid_parameter']);

/** Says where in the files an error of `run` is. @param row from 1; of several rows the first */
export function atRow<T>(key: string, row: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ElanusError) || !ofValues.has(error.key)) throw error;
    const place = error instanceof NotFiniteError ? row + error.row : row;
    throw new ElanusError('import_failed', `file ${quoted(key)} row ${place}: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * What reading a damaged file throws, as a reason that names the file. Words of the engine or of a package (a RangeError, a code of zlib) say
 * nothing to who wrote the file; they stay the cause.
 * @param place what of the file is read, as ` column "a"`
 */
export async function ofFile<T>(key: string, run: () => Promise<T>, place = ''): Promise<T> {
  try {
    return await run();
  } catch (error) {
    // What the platform has not, such as a codec, knows no file yet.
    if (error instanceof ElanusError && error.key === 'unsupported')
      throw new ElanusError('unsupported', `file ${quoted(key)} cannot be read, ${error.message}`, {
        cause: error,
      });
    if (error instanceof ElanusError) throw error;
    throw fileFailed(
      key,
      `${place}cannot be read, ${error instanceof DamagedFile ? error.message : 'its bytes do not follow its format'}: expected a whole file; write it again`,
      error,
    );
  }
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted)
    throw new ElanusError(
      'cancelled',
      'the import was cancelled, expected it to run to its end; start it again',
    );
}
