// A folder after a clean stop: every file that the catalog names is there with its size, and no other file is. Files of a dropped segment
// go before its record does, so a kill between the two leaves a record without its files: it must be gone after some more of a life.
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { recordTable } from '#catalog/record-table.js';
import { loadLmdb } from '#platform/node/files/lmdb-load.js';
import { LmdbMetaStore } from '#platform/node/files/lmdb-meta-store.js';
import { CollectionRecord, SegmentRecord } from '#proto/elanus/data.js';
import { Wrong } from './world.js';

/** A log keeps whole files, so what is flushed may still be in the newest; bytes of all logs together. */
const LOG_BYTES_MAX = 4 * 1024 * 1024;

export interface FolderState {
  readonly objects: number;
  readonly logBytes: number;
  /** Dropped segments some of whose files are gone already. */
  readonly halfRemoved: readonly bigint[];
}

export async function checkFiles(folder: string): Promise<FolderState> {
  const store = new LmdbMetaStore(join(folder, 'meta'), await loadLmdb());
  const segments = await recordTable(store, 'datacoord-meta/s/', SegmentRecord).list();
  const collections = await recordTable(store, 'root-coord/collection/', CollectionRecord).list();
  await store.close();
  const known = new Set(collections.map(({ id }) => id));
  const orphan = segments.find(({ collectionId }) => !known.has(collectionId));
  if (orphan !== undefined)
    throw new Wrong(
      `catalog: segment ${orphan.id} is of collection ${orphan.collectionId}, which is not there`,
    );
  const present = await filesBelow(join(folder, 'objects'));
  const named = new Set<string>();
  const halfRemoved = new Set<bigint>();
  for (const segment of segments) {
    for (const [key, bytes] of filesOf(segment)) {
      named.add(key);
      const size = present.get(key);
      if (size === undefined && segment.state === 'dropped') halfRemoved.add(segment.id);
      else if (size === undefined)
        throw new Wrong(
          `disk: ${key} of the ${segment.state} segment ${segment.id} is named by the catalog and is not there`,
        );
      else if (bytes !== undefined && size !== bytes)
        throw new Wrong(`disk: ${key} has ${size} bytes, the catalog says ${bytes}`);
    }
  }
  const unnamed = [...present.keys()].filter((key) => !named.has(key) && !key.startsWith('torture-import/'));
  if (unnamed.length > 0)
    throw new Wrong(`disk: nothing names ${unnamed.length} files, such as ${unnamed.slice(0, 5).join(', ')}`);
  const logBytes = [...(await filesBelow(join(folder, 'wal'))).values()].reduce((sum, size) => sum + size, 0);
  if (logBytes > LOG_BYTES_MAX)
    throw new Wrong(
      `disk: logs have ${logBytes} bytes after a clean stop, expected at most ${LOG_BYTES_MAX}`,
    );
  // Sources of ended jobs.
  await rm(join(folder, 'objects/torture-import'), { recursive: true, force: true });
  return { objects: present.size, logBytes, halfRemoved: [...halfRemoved] };
}

/** Keys, and how many bytes the catalog says each has where it does. */
function filesOf({ files, indexes, manifestKey }: SegmentRecord): [key: string, bytes: number | undefined][] {
  return [
    ...files.map(({ key, bytes }): [string, number] => [key, Number(bytes)]),
    ...indexes.map(({ key }): [string, undefined] => [key, undefined]),
    ...(manifestKey === '' ? [] : [[manifestKey, undefined] satisfies [string, undefined]]),
  ];
}

async function filesBelow(root: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    sizes.set(path.slice(root.length + 1), (await stat(path)).size);
  }
  return sizes;
}
