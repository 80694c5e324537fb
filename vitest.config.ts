import { defineConfig } from 'vitest/config';
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node', 'module', 'import', 'default'] } },
  test: { include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'sim/**/*.test.ts', 'fuzz/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, pool: 'forks' },
});
