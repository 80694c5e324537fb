import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
// `source` resolves #imports to src. No `import` or `module` here: the test processes get these conditions for packages too, and a
// CommonJS package (the Milvus SDK) that requires another one must get the CommonJS half of it.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node'] } },
  test: {
    include: [
      'src/**/*.test.ts',
      'test/**/*.test.ts',
      'sim/**/*.test.ts',
      'fuzz/**/*.test.ts',
      'torture/**/*.test.ts',
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most of a test's time is spent waiting, so two share a small machine well; the default would be one there.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
