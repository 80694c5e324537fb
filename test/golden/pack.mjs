// A folder as one compressed file: for each file its path, its size, and its bytes.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

export async function pack(folder, file) {
  const parts = [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  for (const path of paths.sort()) {
    if (path === 'LOCK' || path.endsWith('lock.mdb')) continue; // These belong to the process that made the folder.
    const bytes = await readFile(join(folder, path));
    parts.push(Buffer.from(`${path}\n${bytes.length}\n`), bytes);
  }
  await writeFile(file, gzipSync(Buffer.concat(parts), { level: 9 }));
}

export async function unpack(file, folder) {
  const bytes = gunzipSync(await readFile(file));
  for (let at = 0; at < bytes.length; ) {
    const pathEnd = bytes.indexOf(10, at);
    const sizeEnd = bytes.indexOf(10, pathEnd + 1);
    const path = join(folder, bytes.toString('utf8', at, pathEnd));
    at = sizeEnd + 1 + Number(bytes.toString('utf8', pathEnd + 1, sizeEnd));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes.subarray(sizeEnd + 1, at));
  }
}
