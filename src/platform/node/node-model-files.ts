// Files of models, from a folder or an installed package that the operator names.
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { ElanusError, messageOf } from '#base/errors.js';
import type { ModelFileStore } from '#platform/outside/model-files.js';

const BYTES_MAX = 2 ** 31;

export const nodeModelFiles: ModelFileStore = {
  async read(source, file) {
    for (const folder of foldersOf(source)) {
      const full = path.join(folder, file);
      const found = await stat(full).catch(() => undefined);
      if (found === undefined || !found.isFile()) continue;
      if (found.size > BYTES_MAX)
        throw new ElanusError(
          'unsupported',
          `${full} has ${found.size} bytes, expected at most ${BYTES_MAX}`,
        );
      try {
        const bytes = await readFile(full);
        const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
        shared.set(bytes);
        return shared;
      } catch (cause) {
        throw new ElanusError('io_failed', `${full}: ${messageOf(cause)}`, { cause });
      }
    }
    return undefined;
  },
};

/** A path is one; a name is that of a package, or of a folder in one, beside the program or beside us. */
function foldersOf(source: string): string[] {
  if (path.isAbsolute(source) || source.startsWith('.')) return [path.resolve(source)];
  const bases = [path.join(process.cwd(), 'index.js'), import.meta.url];
  return bases
    .flatMap((base) => createRequire(base).resolve.paths(source) ?? [])
    .map((folder) => path.join(folder, source));
}
