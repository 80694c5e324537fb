// Makes the imports of the built declarations relative. `#folder/file.js` is resolved by package.json's `imports`, which TypeScript's older
// module resolution (node10) does not read: a project that uses it would see `any` where our types are.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
for (const name of readdirSync(dist, { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const up = path.relative(path.dirname(name), '.').replaceAll(path.sep, '/') || '.';
  const before = readFileSync(path.join(dist, name), 'utf8');
  const after = before
    .replaceAll(/^import '#[^']*';\n/gm, '') // What a module does as it is imported has no types.
    .replaceAll(/(from |import\()(['"])#/g, `$1$2${up}/`);
  if (after !== before) writeFileSync(path.join(dist, name), after);
}
