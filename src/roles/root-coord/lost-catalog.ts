// A catalog without a clock is a new one. Beside logs or files it is none: `meta/` was lost or left behind, and going on would give numbers
// and timestamps again, and take every file for an orphan. Asked before anything is written.
import { ElanusError } from '#base/errors.js';
import type { Platform } from '#platform/platform.js';
import { logsOf } from '#wal/file-logs.js';

/** Where the bound of the clock is kept; the first start writes it before it makes anything else. */
export const CLOCK_KEY = 'kv/tso/timestamp';
/** What only a database with a clock can have made; other objects are a user's. */
const OBJECTS_OF_DATABASES = ['insert_log/', 'delta_log/', 'manifest/'] as const;

/** @throws data_corrupt when there is data and no catalog; nothing was changed */
export async function checkCatalogIsThere(platform: Platform): Promise<void> {
  const { metaStore, objectStore } = platform;
  if ((await metaStore.get(CLOCK_KEY)) !== undefined) return;
  const [log] = await logsOf(platform).names();
  const found =
    (log === undefined ? undefined : `log ${log}`) ??
    (await firstOf(OBJECTS_OF_DATABASES.map((prefix) => () => objectStore.list(prefix))));
  if (found === undefined) return;
  throw new ElanusError(
    'data_corrupt',
    `the catalog is empty, but there is data (${found}), expected the clock at ${CLOCK_KEY}; restore meta/ from a copy of the same moment as the rest; nothing was changed`,
  );
}

async function firstOf(lists: readonly (() => Promise<readonly string[]>)[]): Promise<string | undefined> {
  for (const list of lists) {
    const [first] = await list();
    if (first !== undefined) return first;
  }
  return undefined;
}
