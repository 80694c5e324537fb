// For threads that are started as .ts (tests): imports inside src name .js files and `#` folders, as the compiler wants them; this points
// them at the sources. The entry scripts of threads load it before anything else of the product, and only when they are .ts themselves.
import * as nodeModule from 'node:module';

export function resolveSources(): void {
  const root = new URL('../../', import.meta.url).href;
  nodeModule.registerHooks?.({
    resolve(specifier, context, next) {
      const fromRoot = specifier.startsWith('#') ? root + specifier.slice(1) : undefined;
      const relative =
        specifier.startsWith('.') && context.parentURL?.startsWith(root)
          ? new URL(specifier, context.parentURL).href
          : undefined;
      const target = fromRoot ?? relative;
      return next(target === undefined ? specifier : target.replace(/\.js$/, '.ts'), context);
    },
  });
}
