// Where a thread finds its script. Built code starts the .js beside it. Code that runs from src (vitest) starts the .ts itself when
// this Node strips types, so that a stale build is never tested; an older Node takes the build.
export function scriptUrl(importMetaUrl: string, relative: string): URL {
  const url = new URL(relative, importMetaUrl);
  if (!importMetaUrl.endsWith('.ts')) return url;
  const features: { readonly typescript?: unknown } = process.features;
  if (features.typescript) return new URL(url.href.replace(/\.js$/, '.ts'));
  return new URL(url.href.replace('/src/', '/dist/').replace(/\.ts$/, '.js'));
}
