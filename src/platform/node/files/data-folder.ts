// Whether a folder may be opened as a data folder. Looks before anything is written, so that what is not ours stays as it is.
// The file FORMAT (docs/formats/data-folder.md) names the version of the layout; folders of version 0.1 were made without it.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { ElanusError, messageOf } from '#base/errors.js';
import { syncFolder } from './folders.js';
import { RESERVE_FILE } from './space-reserve.js';

/**
 * 2: records of the catalog say more than programs of version 1 know (`last_field_id`, `schema_timestamp`, the changes of definitions), and
 * these would write them back without it. An id of a field would be given twice, and old files would show its values in another field.
 * 3: fields that came with their function to rows that were there (`late_output_ids`) are known by what segments lack. An older program merges such
 * segments with nulls in their place, which then look as if they had been filled; it also forgets that a compaction was asked for.
 */
const FOLDER_VERSION = 3;
const FORMAT_FILE = 'FORMAT';
const formatText = (version: number): string => `elanus data folder, version ${version}\n`;
const formatPattern = /^elanus data folder, version (\d{1,9})\n$/;
/** All that a folder of ours has at its top, also one whose first start was cut off. */
const ownNames = new Set(['LOCK', FORMAT_FILE, RESERVE_FILE, 'meta', 'wal', 'objects']);
/** A crash may leave `.tmp-` files; `lost+found` is what an empty file system comes with. */
const isOwn = (name: string): boolean => ownNames.has(name) || name.startsWith('.tmp-');
const isOfFileSystem = (name: string): boolean => name === 'lost+found';

/** Changes nothing. @throws ElanusError folder_unusable in one line; a folder that is not there yet is fine */
export async function checkDataFolder(folder: string): Promise<void> {
  const names = await listFolder(folder);
  if (names === undefined) return;
  const strange = names.filter((name) => !isOwn(name) && !isOfFileSystem(name));
  const version = names.includes(FORMAT_FILE) ? await readVersion(folder) : undefined;
  if (version === undefined && strange.length > 0 && !(await isMadeByFirstVersion(folder))) {
    throw unusable(
      folder,
      `holds what is not Elanus's (${shortList(strange)}), expected an empty folder or one that Elanus made`,
    );
  }
  if (version !== undefined && version > FOLDER_VERSION) {
    throw unusable(
      folder,
      `is of version ${version}, this program knows up to ${FOLDER_VERSION}: open it with a newer Elanus`,
    );
  }
}

/**
 * A file of the user's may lie in the data folder, but not where the database removes what it does not know, nor under one of its own names.
 * @throws folder_unusable
 */
export function checkBesideData(file: string, folder: string): void {
  const [top = ''] = path.relative(folder, file).split(path.sep);
  if (isOwn(top))
    throw new ElanusError(
      'folder_unusable',
      `the file ${JSON.stringify(file)} would lie among the database's own in ${JSON.stringify(path.join(folder, top))}; name one beside them or elsewhere`,
    );
}

/**
 * Marks a folder as ours and of this version, a new one and one of an older version alike. The mark is durable before anything else is written
 * there, so no older program ever opens what this one has changed. The caller has the folder to itself, and has checked it.
 */
export async function markDataFolder(folder: string): Promise<void> {
  const file = path.join(folder, FORMAT_FILE);
  const names = await listFolder(folder);
  if (names?.includes(FORMAT_FILE) === true && (await readVersion(folder)) >= FOLDER_VERSION) return;
  const staged = path.join(folder, `.tmp-${FORMAT_FILE}-${process.pid}`);
  const handle = await fs.open(staged, 'w');
  try {
    await handle.writeFile(formatText(FOLDER_VERSION));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.rename(staged, file);
  await syncFolder(folder);
}

/** Whether a process has opened the folder as its own. */
export const isMarkedFolder = async (folder: string): Promise<boolean> =>
  (await listFolder(folder))?.includes(FORMAT_FILE) === true;

const isMadeByFirstVersion = (folder: string): Promise<boolean> =>
  fs.access(path.join(folder, 'meta', 'data.mdb')).then(
    () => true,
    () => false,
  );
/** @returns undefined when there is no such folder */
async function listFolder(folder: string): Promise<string[] | undefined> {
  try {
    const names = await fs.readdir(folder);
    await fs.access(folder, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
    return names;
  } catch (error) {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
    if (code === 'ENOENT') return undefined;
    if (code === 'ENOTDIR') throw unusable(folder, 'is a file, or below one, expected a folder', error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      throw unusable(
        folder,
        `cannot be read and written by this user (${code}), expected its owner: change its permissions`,
        error,
      );
    throw unusable(folder, `cannot be looked at: ${messageOf(error)}`, error);
  }
}

async function readVersion(folder: string): Promise<number> {
  let text: string;
  try {
    const handle = await fs.open(path.join(folder, FORMAT_FILE), 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0);
      text = buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unusable(folder, `has a file ${FORMAT_FILE} that cannot be read: ${messageOf(error)}`, error);
  }
  const [, version] = formatPattern.exec(text) ?? [];
  if (version === undefined)
    throw unusable(
      folder,
      `has a file ${FORMAT_FILE} that is not Elanus's, expected ${JSON.stringify(formatText(FOLDER_VERSION))}`,
    );
  return Number(version);
}

const shortList = (names: readonly string[]): string =>
  [
    ...names.slice(0, 3).map((name) => JSON.stringify(name)),
    ...(names.length > 3 ? [`${names.length - 3} more`] : []),
  ].join(', ');
const unusable = (folder: string, why: string, cause?: unknown): ElanusError =>
  new ElanusError(
    'folder_unusable',
    `data folder ${JSON.stringify(folder)} ${why}: choose another folder; this one was left as it is`,
    {
      cause,
    },
  );
