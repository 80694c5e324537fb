// Logs in files: one folder for each below `wal/`.
import type { LogStore } from '#platform/log.js';
import type { Platform } from '#platform/platform.js';
import { openFileLog } from './file-log.js';
import { newestLogEpoch } from './log-epoch.js';

const FOLDER = 'wal';

/** The logs that a platform brings, else those in its files. */
export const logsOf = (platform: Platform): LogStore => platform.logs ?? fileLogs(platform);

export const fileLogs = (platform: Platform): LogStore => ({
  open: ({ name, ...options }) => openFileLog(platform, { ...options, folder: `${FOLDER}/${name}` }),
  async names() {
    const paths = await platform.files.list(FOLDER);
    const names = paths.map((path) => path.slice(FOLDER.length + 1).split('/')[0] ?? '');
    return [...new Set(names.filter((name) => name !== ''))];
  },
  newestEpoch: () => newestLogEpoch(platform, FOLDER),
});
