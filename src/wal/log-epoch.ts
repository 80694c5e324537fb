// The newest epoch that the logs below a folder carry: what a node reports when it takes its channels over, so that its own is above it.
import type { Platform } from '#platform/platform.js';
import { decodeHeader, HEADER_BYTES } from './frame.js';
import { parseNames } from './log-names.js';

/** 0n without logs. Headers that are damaged count for nothing here: opening their log says what is wrong with it. */
export async function newestLogEpoch(
  platform: Pick<Platform, 'files' | 'crc32'>,
  folder: string,
): Promise<bigint> {
  let newest = 0n;
  const paths = await platform.files.list(folder);
  for (const { epoch } of parseNames(paths).owners) if (epoch > newest) newest = epoch;
  for (const path of paths) {
    if (!path.endsWith('.log')) continue;
    const header = decodeHeader(await platform.files.readRange(path, 0, HEADER_BYTES), platform.crc32);
    if (header !== undefined && header.epoch > newest) newest = header.epoch;
  }
  return newest;
}
