// Loads the packages of analyzers when one is asked for. What is WASM comes as its bytes.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTextPackages } from '#text/text-packages.js';

const loadFrom = createRequire(import.meta.url);

export function provideTextPackages(): void {
  setTextPackages((name) => (name.endsWith('.wasm') ? readFileSync(loadFrom.resolve(name)) : loadFrom(name)));
}
