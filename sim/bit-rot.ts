// One bit of one file decays while everything is down. From then on the cluster may refuse, with a reason, what needs that file; it must
// not answer anything that is not so.
import { nextBelow, type Random } from '#base/random.js';
import type { MemoryFiles } from '#platform/memory/memory-files.js';
import type { Trace } from './trace.js';

/** Where the bit may be: before `bytes` of the file. */
export interface Place {
  readonly disk: MemoryFiles;
  readonly path: string;
  readonly bytes: number;
}

/** All files of these disks, whole. */
export async function placesOf(disks: readonly (MemoryFiles | undefined)[], folder = ''): Promise<Place[]> {
  const places: Place[] = [];
  for (const disk of disks) {
    if (disk === undefined) continue;
    for (const path of await disk.list(folder)) {
      const bytes = (await disk.size(path)) ?? 0;
      if (bytes > 0 && !path.startsWith('objects/import/')) places.push({ disk, path, bytes });
    }
  }
  return places;
}

/** Those of the places whose files are longer now: what was appended behind a place proves that everything before it was written. */
export async function grown(places: readonly Place[]): Promise<Place[]> {
  const found: Place[] = [];
  for (const place of places) if (((await place.disk.size(place.path)) ?? 0) > place.bytes) found.push(place);
  return found;
}

/** @returns the file, undefined when there is none */
export function rot(places: readonly Place[], random: Random, trace: Trace): string | undefined {
  const chosen = places[nextBelow(random, Math.max(1, places.length))];
  if (chosen === undefined) return undefined;
  const { disk, path, bytes } = chosen;
  const bit = nextBelow(random, bytes * 8);
  disk.damage(path, (content) => {
    content[bit >> 3] = (content[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  });
  trace.add('faults', 'bit-rot', { path, bit });
  return path;
}
