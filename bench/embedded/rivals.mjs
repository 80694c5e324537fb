// The rivals with a JavaScript interface, as bench/ann builds and opens them. Those that are a bare index insert while they build.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadEngine } from '../ann/engines.mjs';
import { filterOf } from '../ann/sets.mjs';

const names = {
  'hnswlib-node': 'none: a file is written at the end',
  usearch: 'none: a file is written at the end',
  lancedb: 'files, no fsync promised',
  zvec: 'its own log, no fsync promised',
  'sqlite-vec': 'none: journal and synchronous off',
};

const rival = (name) => ({
  name,
  durability: names[name],
  isInstalled: async () => (await loadEngine(name)).isInstalled(),
  async load(set, folder) {
    const engine = await loadEngine(name);
    mkdirSync(folder, { recursive: true });
    let buildMs = 0;
    const timed = async (work) => {
      const begin = performance.now();
      const result = await work();
      buildMs = performance.now() - begin;
      return result;
    };
    const begin = performance.now();
    await engine.build(set, {
      file: join(folder, 'index'),
      threads: Math.max(...engine.buildThreads),
      timed,
    });
    const allMs = performance.now() - begin;
    // What is not the build is the way of the rows into it; a bare index has none.
    return { insertMs: allMs - buildMs < buildMs / 50 ? allMs : allMs - buildMs, buildMs };
  },
  async open(set, folder) {
    const engine = await loadEngine(name);
    const opened = await engine.open(set, { file: join(folder, 'index') });
    const filters = new Map();
    const filterFor = (share) => {
      if (!filters.has(share)) filters.set(share, filterOf({ ...set, key: `embedded-${set.name}` }, share));
      return filters.get(share);
    };
    return {
      widths: engine.widths,
      prepare: (width) => opened.prepare?.(width),
      search: (query, k, width) => opened.search(query, k, width),
      ...(opened.filtered && {
        filtered: (query, k, width, share) => opened.filtered(query, k, width, filterFor(share)),
      }),
      close: async () => {},
    };
  },
});

export const engines = Object.keys(names).map(rival);
