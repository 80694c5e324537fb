// Compiles each kernels/<name>/index.ts (AssemblyScript) to dist/kernels/<name>.wasm, with checksums beside it, and writes the same
// bytes as base64 into src/index/gen/<name>-kernel.ts (others where homes says), so that any thread, bundle or test gets them
// without reading a file.
// A kernel whose source (kernels/lib counts as everyone's), flags and compiler are unchanged is not compiled again.
// A kernel may have variants, named in its variants.json: the same source with other flags, to <name>-<variant>.wasm and
// src/index/gen/<name>-<variant>-kernel.ts. The program chooses among them at run time (src/base/kernel-module.ts).
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// --memoryBase only says where static data would go; kernels must have none (checked below), so nothing is ever written there.
const flags = [
  '--runtime',
  'stub',
  '--noAssert',
  '-O3',
  '--converge',
  '--enable',
  'simd,threads,bulk-memory',
  '--importMemory',
  '--sharedMemory',
  '--initialMemory',
  '1',
  '--maximumMemory',
  '65536',
  '--disableWarning',
  '201',
];
/** Where the text of a kernel goes whose callers are not in src/index. */
const homes = { filter: 'src/expr/gen', json: 'src/model/gen', snappy: 'src/segment/gen' };
const homeOf = (name) => homes[name] ?? 'src/index/gen';
/** Kernels over a memory of one thread, which the engine copies to and from faster than to and from shared memory. */
const unshared = new Set(['json']);
/** Flags that replace or follow the ones above; RELAXED can be asked for in the source by isDefined. */
const variantFlags = { relaxed: ['--enable', 'relaxed-simd', '--use', 'RELAXED=1'] };
const sha256 = (...parts) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');
const readOr = (file, fallback) => {
  try {
    return readFileSync(file);
  } catch {
    return fallback;
  }
};

/** Other processes may read the file at the same time (tests, builds side by side): they see the old bytes or the new, never half. */
const writeAtomically = (file, content) => {
  mkdirSync(dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, content);
  renameSync(part, file);
};

/** The ids of a module's sections, to see that it has no data section (11), which instantiation would write into shared memory. */
function sectionsOf(wasm) {
  const ids = [];
  for (let at = 8; at < wasm.length; ) {
    ids.push(wasm[at++]);
    let [size, shift, byte] = [0, 0, 0];
    do {
      byte = wasm[at++];
      size |= (byte & 127) << shift;
      shift += 7;
    } while (byte & 128);
    at += size;
  }
  return ids;
}

const compilerVersion = JSON.parse(
  readFileSync(join(root, 'node_modules/assemblyscript/package.json'), 'utf8'),
).version;
const checksums = {};
const sourcesOf = (folder) =>
  readdirSync(folder, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts'))
    .sort();
const contentsOf = (folder) => sourcesOf(folder).flatMap((file) => [file, readFileSync(join(folder, file))]);
const sharedSources = contentsOf(join(root, 'kernels/lib'));

async function compile(name, flagsOfAll, outName) {
  const asc = await import(pathToFileURL(join(root, 'node_modules/assemblyscript/dist/asc.js')).href);
  const partFile = join(root, 'dist/kernels', `${outName}.${process.pid}.wasm`);
  mkdirSync(dirname(partFile), { recursive: true });
  const { error, stderr } = await asc.main([
    join('kernels', name, 'index.ts'),
    '--baseDir',
    root,
    '-o',
    partFile,
    ...flagsOfAll,
  ]);
  if (error) {
    console.error(stderr.toString());
    throw error;
  }
  const wasm = readFileSync(partFile);
  if (sectionsOf(wasm).includes(11))
    throw new Error(`kernels/${name} has a data section; kernels must take every address from the caller`);
  renameSync(partFile, join(root, 'dist/kernels', `${outName}.wasm`));
  return wasm;
}

async function build(name, variant) {
  const outName = variant ? `${name}-${variant}` : name;
  if (variant && !variantFlags[variant])
    throw new Error(`kernels/${name}/variants.json names ${variant}, which has no flags`);
  const shared = flags.filter((flag) => flag !== '--sharedMemory' || !unshared.has(name));
  const flagsOfAll = [...shared, ...(variant ? variantFlags[variant] : [])];
  const sourceHash = sha256(
    compilerVersion,
    flagsOfAll.join(' '),
    ...sharedSources,
    ...contentsOf(join(root, 'kernels', name)),
  );
  const wasmFile = join(root, 'dist/kernels', `${outName}.wasm`);
  const moduleFile = join(root, homeOf(name), `${outName}-kernel.ts`);
  const made = readOr(moduleFile, Buffer.alloc(0)).toString();
  const base64 = made.includes(`source ${sourceHash}`)
    ? /'([A-Za-z0-9+/=]{16,})'/.exec(made)?.[1]
    : undefined;
  let wasm = base64 && Buffer.from(base64, 'base64');
  if (!wasm) {
    wasm = await compile(name, flagsOfAll, outName);
    const lines = [
      `// Generated by scripts/build-kernels.mjs from kernels/${name}. Do not edit.`,
      `// source ${sourceHash}`,
      `export const ${outName.replace(/-(.)/g, (_, letter) => letter.toUpperCase())}KernelBase64 =\n  '${wasm.toString('base64')}';`,
    ];
    writeAtomically(moduleFile, `${lines.join('\n')}\n`);
    console.log(`kernels/${outName}: ${wasm.length} bytes`);
  } else if (!readOr(wasmFile, Buffer.alloc(0)).equals(wasm)) writeAtomically(wasmFile, wasm);
  checksums[`${outName}.wasm`] = sha256(wasm);
}

for (const name of readdirSync(join(root, 'kernels')).sort()) {
  const folder = join(root, 'kernels', name);
  if (!statSync(folder).isDirectory() || !sourcesOf(folder).includes('index.ts')) continue;
  await build(name);
  for (const variant of JSON.parse(readOr(join(folder, 'variants.json'), '[]').toString()))
    await build(name, variant);
}

writeAtomically(join(root, 'dist/kernels/checksums.json'), `${JSON.stringify(checksums, null, 2)}\n`);
