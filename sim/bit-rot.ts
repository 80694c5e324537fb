// One bit of one file decays while everything is down. From then on the cluster may refuse, with a reason, what needs that file; it must
// not answer anything that is not so.
import { nextBelow, type Random } from '#base/random.js';
import type { MemoryFiles } from '#platform/memory/memory-files.js';
import type { Trace } from './trace.js';

/** @returns the file, undefined when there is none */
export async function rot(disks: readonly (MemoryFiles | undefined)[], random: Random, trace: Trace): Promise<string | undefined> {
  const found: { readonly disk: MemoryFiles; readonly path: string }[] = [];
  for (const disk of disks) {
    if (disk === undefined) continue;
    for (const path of await disk.list(''))
      if (((await disk.size(path)) ?? 0) > 0 && !path.startsWith('objects/import/')) found.push({ disk, path });
  }
  const chosen = found[nextBelow(random, Math.max(1, found.length))];
  if (chosen === undefined) return undefined;
  const { disk, path } = chosen;
  const bit = nextBelow(random, ((await disk.size(path)) ?? 0) * 8);
  disk.damage(path, (bytes) => {
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  });
  trace.add('faults', 'bit-rot', { path, bit });
  return path;
}
