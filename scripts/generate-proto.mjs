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
  writeFileSync(join(side, 'src/proto/.stamp'), stamp);
  rmSync(output, { recursive: true, force: true });
  mkdirSync(join(root, 'src'), { recursive: true });
  renameSync(join(side, 'src/proto'), output);
  rmSync(side, { recursive: true, force: true });
}
