// Question: what is left of a start where nothing but its bytes are read? A bare program of Node reads all objects of a database's folder to shared memory,
// four pieces at a time, and sums them by CRC-32. Prints ms of Node itself and of both, and processor time; medians, and the best of each.
//
//     node bench/start-floor.mjs FOLDER [ROUNDS]
import { spawnSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';

const PIECE_BYTES = 4 << 20;
const AT_ONCE = 4;
const [, self, folder, rounds = '9', part] = process.argv;
if (part === 'child') await readAll();
else {
  const measured = Array.from({ length: Number(rounds) }, () => {
    const began = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    const nodeMs = performance.now() - began;
    const { stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), folder, '1', 'child'], {
      encoding: 'utf8',
    });
    return { nodeMs, ...JSON.parse(stdout) };
  });
  console.log(`${self.split('/').at(-1)}, ${rounds} starts, load ${loadavg()[0].toFixed(1)}`);
  for (const what of Object.keys(measured[0])) {
    const all = measured.map((one) => one[what]).sort((a, b) => a - b);
    console.log(`${what}: ${all[all.length >> 1].toFixed(0)} (best ${all[0].toFixed(0)})`);
  }
}

async function readAll() {
  const { open, readdir } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const { crc32 } = await import('node:zlib');
  const began = performance.now();
  let bytes = 0;
  for (const entry of await readdir(join(folder, 'objects'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = await open(join(entry.parentPath, entry.name));
    const { size } = await file.stat();
    const into = new Uint8Array(new SharedArrayBuffer(size));
    const read = (at) => file.read(into, at, Math.min(PIECE_BYTES, size - at), at);
    const running = [];
    for (let at = 0; at < size; at += PIECE_BYTES) {
      for (let next = running.length; next < at / PIECE_BYTES + AT_ONCE && next * PIECE_BYTES < size; next++)
        running.push(read(next * PIECE_BYTES));
      await running[at / PIECE_BYTES];
      crc32(into.subarray(at, at + PIECE_BYTES));
    }
    bytes += size;
    await file.close();
  }
  const readMs = performance.now() - began;
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ mb: bytes / 1e6, readMs, cpuMs: (user + system) / 1000 }));
}
