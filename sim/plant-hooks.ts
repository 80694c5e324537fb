// Loaded before everything else in a process of planted runs (`--import`): replaces pieces of the product's built files as they are loaded.
// The plant's name is the first argument of the process.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { applyEdit, isPlantName, plants } from './plants.js';

const name = process.argv[2] ?? '';
if (isPlantName(name)) {
  const dist = new URL('../dist/', import.meta.url).href;
  const { edits } = plants[name];
  registerHooks({
    load(url, context, nextLoad) {
      const own = url.startsWith(dist) ? edits.filter(({ file }) => url === dist + file) : [];
      if (own.length === 0) return nextLoad(url, context);
      const source = own.reduce(applyEdit, readFileSync(fileURLToPath(url), 'utf8'));
      return { format: 'module', source, shortCircuit: true };
    },
  });
}
