// An installation that lacks a file: whoever needs it hears which, and no answer is wrong, nor is the request blamed. Takes the build.
import { execFile } from 'node:child_process';
import { cp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tempFolder } from './support.js';

const run = promisify(execFile);
const checkout = fileURLToPath(new URL('../../', import.meta.url));
let folder: { readonly path: string; remove(): Promise<void> };
beforeAll(async () => {
  folder = await tempFolder();
  const isRun = (file: string): boolean => !/\.(d\.ts|map)$/.test(file);
  await cp(join(checkout, 'dist'), join(folder.path, 'dist'), { recursive: true, filter: isRun });
  await cp(join(checkout, 'package.json'), join(folder.path, 'package.json'));
  await symlink(join(checkout, 'node_modules'), join(folder.path, 'node_modules'));
});

afterAll(() => folder.remove());

const missing = (...names: string[]): string => join(folder.path, 'dist', ...names);

/** Runs a program over a database in a folder of its own. @returns what it prints as JSON */
async function output(data: string, program: string): Promise<unknown> {
  const script = join(folder.path, `${data}.mjs`);
  await writeFile(
    script,
    `import { open } from './dist/server/open.js';
     import { collection, filter, floatVector, geometry, int64, varchar } from './dist/client/connect.js';
     const why = ({ code, key, message }) => ({ code: code ?? key, message });
     const seen = await open(${JSON.stringify(join(folder.path, data))}, { logLevel: 'silent', listen: false })
       .then(async (database) => { ${program} }, why);
     console.log(JSON.stringify(seen));
     process.exit(0);`,
  );
  const { stdout } = await run(process.execPath, [script]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

const failing = (file: string) => ({ code: 5, message: expect.stringContaining(file) });

test('a part for few: the calls that need it fail as ours, and name it', async () => {
  const parts = ['lazy-re2.cjs', 'lazy-jts.cjs'].map((name) => missing('bundle', name));
  for (const part of parts) await rm(part);
  const [re2 = '', jts = ''] = parts;
  const answer = await output(
    'parts',
    `const rows = database.client({ retry: { attempts: 1 } }).collection(collection('a', {
       id: int64().primaryKey(), t: varchar(50), g: geometry(), v: floatVector(2).index({ type: 'FLAT', metric: 'L2' }),
     }));
     await rows.ensure();
     await rows.insert([{ id: 1n, t: 'abc', g: 'LINESTRING (0 0, 1 1)', v: [0, 0] }]);
     const ask = (where) => rows.query({ where }).then((found) => found.length, why);
     return [
       await ask((f) => f.t.matches('a.*c')),
       await ask(() => filter\`st_within(g, \${'POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0))'})\`),
       await ask(() => filter\`st_isvalid(g)\`),
       await ask((f) => f.t.eq('abc')),
     ];`,
  );
  expect(answer).toEqual([failing(re2), failing(jts), failing(jts), 1]);
});

test('codecs of messages: a folder that needs them does not open, says why, and is not taken for damaged', async () => {
  const parts = (await readdir(missing('bundle'))).filter((name) => /^lazy-codecs-.*\.cjs$/.test(name));
  // Functions are in the catalog, and not in that of every database.
  const program = `const { CollectionSchema } = await import('./dist/proto/milvus/schema.js');
    const transport = database.transport();
    const schema = CollectionSchema.encode(CollectionSchema.fromPartial({ name: 'a', fields: [
      { name: 'id', dataType: 5, isPrimaryKey: true },
      { name: 't', dataType: 21, typeParams: [{ key: 'max_length', value: '9' }, { key: 'enable_analyzer', value: 'true' }] },
      { name: 's', dataType: 104 },
    ], functions: [{ name: 'f', type: 1, inputFieldNames: ['t'], outputFieldNames: ['s'] }] })).finish();
    const made = await transport.call('createCollection', { collectionName: 'a', schema }, {});
    const seen = await transport.call('describeCollection', { collectionName: 'a' }, {});
    await database.close();
    return [made.code, seen.schema.functions.length];`;
  expect(await output('codecs', program)).toEqual([0, 1]);
  for (const part of parts) await rename(missing('bundle', part), missing(part));
  const cause = expect.stringMatching(/lazy-codecs-schema-\w+\.cjs cannot be read/);
  expect(await output('codecs', program)).toEqual({ code: 'internal', message: cause });
  for (const part of parts) await rename(missing(part), missing('bundle', part));
  expect(await output('codecs', program)).toEqual([0, 1]);
});

test('the script of the thread that writes logs: the folder does not open', async () => {
  const script = missing('platform', 'node', 'files', 'append-worker.js');
  await rm(script);
  expect(await output('thread', 'return 0;')).toEqual({
    code: 'internal',
    message: expect.stringContaining(`${script} is missing`),
  });
});
