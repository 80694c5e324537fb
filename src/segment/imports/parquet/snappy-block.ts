// Unpacks a block of Snappy: runs of literal bytes, and copies of what came before. Long runs are moved at once, which is what blocks of
// numbers that do not repeat consist of; every length and offset is compared with what is there.
import { DamagedFile } from '#segment/imports/file-errors.js';

const damaged = (text: string): Error => new DamagedFile(`a Snappy block ${text}`);

/** Fills `out`. @throws Error when the block is damaged, or has another length */
export function unpackSnappy(block: Uint8Array, out: Uint8Array): void {
  let at = 0;
  let length = 0;
  for (let byte = 128, scale = 1; byte >= 128; scale *= 128) {
    if (at >= block.length || at > 4) throw damaged('has no length');
    byte = block[at++] as number;
    length += (byte & 127) * scale;
  }
  if (length !== out.length) throw damaged(`has ${length} bytes, expected ${out.length}`);
  let end = 0;
  while (at < block.length) {
    const tag = block[at++] as number;
    const kind = tag & 3;
    if (kind === 0) {
      let run = (tag >> 2) + 1;
      if (run > 60) {
        const bytes = run - 60;
        run = numberAt(block, at, bytes) + 1;
        at += bytes;
      }
      if (at + run > block.length || end + run > out.length) throw damaged('has a run that ends after it');
      if (run < 16) for (let i = 0; i < run; i++) out[end + i] = block[at + i] as number;
      else out.set(block.subarray(at, at + run), end);
      at += run;
      end += run;
      continue;
    }
    const run = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const bytes = kind === 1 ? 1 : kind === 2 ? 2 : 4;
    const back = numberAt(block, at, bytes) + (kind === 1 ? (tag >> 5) * 256 : 0);
    at += bytes;
    if (back === 0 || back > end || end + run > out.length) throw damaged('copies what is not there');
    // A copy may reach into itself: then it repeats what it has just written.
    for (let i = 0; i < run; i++) out[end + i] = out[end + i - back] as number;
    end += run;
  }
  if (end !== out.length) throw damaged(`has ${end} bytes, expected ${out.length}`);
}

function numberAt(block: Uint8Array, at: number, bytes: number): number {
  if (at + bytes > block.length) throw damaged('ends early');
  let value = 0;
  for (let byte = bytes - 1; byte >= 0; byte--) value = value * 256 + (block[at + byte] as number);
  return value;
}
