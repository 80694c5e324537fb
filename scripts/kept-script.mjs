// The database as one script, whose compiled form is kept from one start to the next (ADR 0084): V8 takes that for scripts, and for no module. What the
// database shares with the client, whose classes must be one, comes from the modules of the bundle.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/**
 * @param options `entry` and `outdir`; `begin`: statements before all others; `sharing`: the entry whose modules the script shares; `common`: options of all builds
 * @returns `name` of the script, its `inputs`, `exports`, and `shared`: text of a module that exports the shared ones
 */
export async function writeScript({ entry, sharing, outdir, begin, common }) {
  const closure = await staticInputs(sharing, common);
  const asked = new Map();
  const sharedModules = {
    name: 'shared modules',
    setup(build) {
      build.onResolve({ filter: /./ }, async ({ path: wanted, resolveDir, importer, kind, pluginData }) => {
        if (pluginData === 'asked' || kind === 'entry-point') return undefined;
        const found = await build.resolve(wanted, { resolveDir, importer, kind, pluginData: 'asked' });
        if (found.namespace !== 'file' || !closure.has(found.path)) return undefined;
        if (!asked.has(found.path)) asked.set(found.path, `m${asked.size}`);
        return { path: found.path, namespace: 'shared' };
      });
      build.onLoad({ filter: /./, namespace: 'shared' }, async ({ path: file }) => {
        if (/^export let /m.test(readFileSync(file, 'utf8')))
          throw new Error(
            `bundle: ${file} exports a variable, expected what never changes of a module that is shared`,
          );
        const names = Object.keys(await import(pathToFileURL(file).href));
        const lines = names.map((name) => `export const ${name} = shared.${asked.get(file)}.${name};`);
        return { contents: lines.join('\n') };
      });
    },
  };
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: [entry],
    outfile: path.join(outdir, 'script.cjs'),
    write: false,
    bundle: true,
    format: 'cjs',
    // Parts that are loaded later are in it, too, and begin when they are asked for.
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'ownUrl' },
    plugins: [sharedModules, ...common.plugins],
  });
  const [{ text: body }] = outputFiles;
  const text = inAscii(
    `"use strict";module.exports=(function(ownUrl,shared){const module={exports:{}};let exports=module.exports;${begin}\n${body}\nreturn module.exports});\n`,
  );
  const name = `database-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.cjs`;
  mkdirSync(outdir, { recursive: true });
  writeFileSync(path.join(outdir, name), text);
  const shared = [...asked].map(([file, as]) => `export * as ${as} from ${JSON.stringify(file)};\n`).join('');
  return {
    name,
    shared,
    exports: Object.keys(await import(pathToFileURL(entry).href)),
    inputs: Object.keys(metafile.inputs),
  };
}

/** What is left of other characters stands in regular expressions. One is enough for V8 to hold the whole text in two bytes a character. */
const inAscii = (text) =>
  text.replaceAll(/[\u0080-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The modules of ours that are loaded with an entry, without those that come later. */
async function staticInputs(entry, common) {
  const { metafile } = await build({
    ...common,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    outdir: 'unwritten',
  });
  const { inputs } = metafile;
  const found = new Set();
  const follow = (name) => {
    const file = path.resolve(common.absWorkingDir, name);
    if (found.has(file) || inputs[name] === undefined) return;
    found.add(file);
    for (const { path: next, kind, external } of inputs[name].imports)
      if (kind === 'import-statement' && external !== true) follow(next);
  };
  follow(path.relative(common.absWorkingDir, entry));
  return found;
}
