// Writes the golden files that are not there yet, with the build of this checkout: `npm run -s build && npx node test/golden/make.mjs`. By
// hand, once for a new format or version; a file that is there is what some release wrote, and is never made again.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { catalogFile, catalogRecords } from './catalog.ts';
import { builtFormats, exactFormats } from './formats.ts';
import { typedFormats } from './typed-rows.ts';

const records = Object.entries(catalogRecords).map(([name, { value }]) => [`catalog/v1.${name}`, value]);
const files = [
  ...[...(await exactFormats()), ...(await typedFormats()), ...(await builtFormats())],
  ...[...records, ['catalog/v1.data.mdb', await catalogFile()]],
];
for (const [name, bytes] of files) {
  const url = new URL(name, import.meta.url);
  if (existsSync(url)) continue;
  mkdirSync(dirname(url.pathname), { recursive: true });
  writeFileSync(url, bytes);
  console.log(`${name}: ${bytes.length} bytes`);
}
