// Opens a file that somebody outside named, and makes sure that what was opened lies below a folder: a link that leads out of it, a pipe
// or a device is refused. Names are resolved before and after the opening, so that a link put in place between check and opening is seen.
import { type BigIntStats, constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { ElanusError } from '#base/errors.js';

// Windows has neither of the two; there a name is only resolved.
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * @param folder full path that the file must lie below once all links are resolved; it may be a link itself
 * @throws invalid_parameter for what lies outside or is no plain file, and what the system says of a file that is not there
 */
export async function openConfined(folder: string, file: string): Promise<fs.FileHandle> {
  const handle = await fs.open(await resolveBelow(folder, file), FLAGS);
  try {
    const opened = await handle.stat({ bigint: true });
    if (!opened.isFile()) throw refused(folder, file, 'is no plain file');
    const now = await fs.lstat(await resolveBelow(folder, file), { bigint: true });
    if (!isSameFile(opened, now)) throw refused(folder, file, 'became another file while it was opened');
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function resolveBelow(folder: string, file: string): Promise<string> {
  const [root, full] = await Promise.all([fs.realpath(folder), fs.realpath(file)]);
  if (!full.startsWith(root + path.sep))
    throw refused(folder, file, 'is reached by a link that leads out of its folder');
  return full;
}

const isSameFile = (a: BigIntStats, b: BigIntStats): boolean => a.ino === b.ino && a.dev === b.dev;

/** Names the file as the caller did, and not where the folder lies. */
const refused = (folder: string, file: string, fact: string): ElanusError => {
  const name = path.relative(folder, file).split(path.sep).join('/');
  return new ElanusError(
    'invalid_parameter',
    `file ${JSON.stringify(name)} ${fact}, expected a plain file below the folder of objects; copy the file there`,
  );
};
