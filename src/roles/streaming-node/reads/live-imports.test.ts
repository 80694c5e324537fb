import { describe, expect, it } from 'vitest';
import { LiveImports } from './live-imports.js';

const NOW = 1000n;
/** A shard that is served, and an import that came since. @returns with the revision before it */
function served(): { readonly imports: LiveImports; readonly before: bigint } {
  const imports = new LiveImports();
  imports.begin(NOW);
  const before = imports.revision;
  imports.add([7n, 8n], NOW);
  return { imports, before };
}

describe('imports that came while a read went on', () => {
  it('are left out of reads that began before them, at the same time of reading too', () => {
    const { imports, before } = served();
    expect([1n, 7n, 8n].map((id) => imports.isLater(id, before))).toEqual([false, true, true]);
  });

  it('are part of reads that began after them', () => {
    const { imports } = served();
    const between = imports.revision;
    imports.add([9n], NOW + 5n);
    expect([7n, 9n].map((id) => imports.isLater(id, between))).toEqual([false, true]);
  });

  it('are there for all once everything was loaded anew', () => {
    const { imports, before } = served();
    imports.begin(NOW);
    expect(imports.isLater(7n, before)).toBe(false);
    imports.add([9n], NOW);
    expect(imports.isLater(9n, before)).toBe(false);
  });

  it('are there for reads that began where the shard was before', () => {
    const { before } = served();
    const elsewhere = new LiveImports();
    elsewhere.begin(NOW + 10n);
    elsewhere.add([7n], NOW + 10n);
    expect(elsewhere.isLater(7n, before)).toBe(false);
  });

  it('are forgotten when their segment goes', () => {
    const { imports, before } = served();
    imports.remove(7n);
    expect(imports.isLater(7n, before)).toBe(false);
  });
});
