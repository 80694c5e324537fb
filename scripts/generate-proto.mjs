// Generates src/proto from proto/ with buf and ts-proto. A stamp with the hash of every input makes a
// second run free, so build, typecheck and test may all call it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const output = join(root, 'src/proto');
const stampFile = join(output, '.stamp');

const protoFiles = readdirSync(join(root, 'proto'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.proto'))
  .map((entry) => join(entry.parentPath, entry.name))
  .sort();
const inputs = [
  ...protoFiles,
  join(root, 'buf.yaml'),
  join(root, 'buf.gen.yaml'),
  join(root, 'node_modules/ts-proto/package.json'),
  fileURLToPath(import.meta.url),
];

const hash = createHash('sha256');
for (const file of inputs) {
  const content = readFileSync(file);
  hash.update(`${relative(root, file)}\0${content.length}\0`).update(content);
}

const stamp = hash.digest('hex');

if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) {
  // Into a side folder first: a failed run must not leave half of the files for the compiler to find.
  const side = join(root, `.tmp/proto-${process.pid}`);
  mkdirSync(side, { recursive: true });
  // buf reads the plugin from the configuration, so only the output base directory changes here. The PATH
  // puts this Node first: the plugin is a script with an env shebang.
  const run = spawnSync(join(root, 'node_modules/.bin/buf'), ['generate', '--output', side], {
    cwd: root,
    env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH ?? ''}` },
    stdio: 'inherit',
  });
  if (run.status !== 0) {
    rmSync(side, { recursive: true, force: true });
    console.error(
      `generate: buf failed (${run.error?.message ?? `exit ${run.status}`}); fix the .proto named above.`,
    );
    process.exit(1);
  }
  joinPackedParts(join(side, 'src/proto/milvus/schema.ts'));
  putEntries(join(side, 'src/proto'));
  writeFileSync(join(side, 'src/proto/.stamp'), stamp);
  rmSync(output, { recursive: true, force: true });
  mkdirSync(join(root, 'src'), { recursive: true });
  renameSync(join(side, 'src/proto'), output);
  rmSync(side, { recursive: true, force: true });
}

/** An object takes no key __proto__ as its own: the decoders and copies of maps say so instead of leaving the entry out. */
function putEntries(folder) {
  const copied = /\bacc\[((?:globalThis\.)?\w+(?:\(\w+\))?)\] = (.+);/g;
  const assignment = /message\.(\w+)\[(entry\d+)\.key\] = \2\.value;/g;
  let entries = 0;
  for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!file.isFile() || !file.name.endsWith('.ts')) continue;
    const path = join(file.parentPath, file.name);
    const text = readFileSync(path, 'utf8');
    const changed = text
      .replace(assignment, (_, map, entry) => {
        entries++;
        return `putEntry(message.${map}, ${entry}.key, ${entry}.value);`;
      })
      // A key that is a number is not that one.
      .replace(copied, (line, key, value) => (key === 'key' ? `putEntry(acc, key, ${value});` : line));
    if (/\.key\] =|acc\[key\] =/.test(changed))
      throw new Error(`generate: a map of ${file.name} is filled otherwise than expected; adapt putEntries`);
    if (changed !== text) writeFileSync(path, `import { putEntry } from "#base/map-entry.js";\n${changed}`);
  }
  if (entries === 0) throw new Error('generate: no map is filled as expected; adapt putEntries');
}

/**
 * Arrays of numbers are declared `bytes`, so that vectors stay a view of the request. A decoder of bytes would take the last of several pieces, and
 * pass over numbers that are not packed; protobuf means all of them. SearchResultData.scores is ours alone to write.
 */
function joinPackedParts(file) {
  const wireTypes = { BoolArray: 0, IntArray: 0, LongArray: 0, FloatArray: 5, DoubleArray: 1 };
  let text = readFileSync(file, 'utf8');
  for (const [name, wireType] of Object.entries(wireTypes)) {
    const begin = text.indexOf(`export const ${name}: MessageFns<${name}> = {`);
    const check = text.indexOf('if (tag !== 10) {', begin);
    const read = text.indexOf('message.data = reader.bytes();', check);
    const end = text.indexOf('\n};', begin);
    if (begin === -1 || check === -1 || read === -1 || read > end)
      throw new Error(
        `generate: the decoder of ${name} looks otherwise than expected; adapt joinPackedParts`,
      );
    const own = text
      .slice(begin, end)
      .replace('if (tag !== 10) {', `if (tag !== 10 && tag !== ${8 + wireType}) {`)
      .replace('message.data = reader.bytes();', 'message.data = packedPart(reader, tag, message.data);');
    text = text.slice(0, begin) + own + text.slice(end);
  }
  const anchor = 'import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";';
  if (!text.includes(anchor)) throw new Error('generate: schema.ts imports otherwise than expected');
  writeFileSync(file, text.replace(anchor, `import { packedPart } from "#base/packed-part.js";\n${anchor}`));
}
