import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

/**
 * With `--mode built`, as `npm test` has it behind its build, tests that drive a whole database run dist/: a file of tests then loads a bundle
 * instead of hundreds of sources, and so do its threads (ADR 0065). Otherwise all run from src, so that a stale build is never tested.
 */
const BUILT = 'built';
/** All but those that put a module in the place of one of ours, which a bundle does not let them. */
const databases = ['test/integration/!(filters-differential*).test.ts', 'test/golden/folders.test.ts'];

// `source` resolves #imports to src. No `import` or `module` here: the test processes get these conditions for packages too, and a
// CommonJS package (the Milvus SDK) that requires another one must get the CommonJS half of it.
const fromSources = {
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node'] } },
};
const fromBuild = { resolve: { conditions: [] }, ssr: { resolve: { conditions: ['node'] } } };
const everything = ['src', 'test', 'sim', 'fuzz', 'torture'].map((folder) => `${folder}/**/*.test.ts`);

export default defineConfig(({ mode }) => ({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // A third of a test's time is spent waiting, so three share a small machine well; the default would be one there.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    projects: [
      {
        extends: true,
        ...fromSources,
        test: { name: 'sources', include: everything, exclude: [...configDefaults.exclude, ...databases] },
      },
      {
        extends: true,
        ...(mode === BUILT ? fromBuild : fromSources),
        test: {
          name: 'databases',
          include: databases,
          ...(mode === BUILT && { server: { deps: { external: [/\/dist\//] } } }),
        },
      },
    ],
  },
}));
