#!/usr/bin/env bash
# What a user gets: the packed files alone, with their dependencies and nothing else, in an empty folder. A script of its own, because the
# first command that fails ends it, which a function of .ci/run that is asked for its success would not do.
# Usage: package.sh FOLDER NODE    (an empty folder to work in, and the node binary to run with), from the root of a built checkout
set -euo pipefail
root=$PWD
work=$1
node=$2
folder=$work/user
mkdir -p "$folder"
tarball=$(npm pack --silent --pack-destination "$work" | tail -n 1)
# What linters of packages find. A program of CommonJS requires ES modules from Node 20.19 on, the oldest that we run on (ADR 0045).
npx -y publint@0.3.25 "$work/$tarball" --strict
npx -y @arethetypeswrong/cli@0.18.5 "$work/$tarball" --ignore-rules cjs-resolves-to-esm
cd "$folder"
npm init -y > /dev/null
npm install --no-audit --no-fund --silent "$work/$tarball"
for tool in typescript vitest assemblyscript ts-proto protobufjs-cli; do
  if [ -e "node_modules/$tool" ]; then
    echo "the package brings $tool"
    exit 1
  fi
done
cat > use.mjs <<'JS'
import { open } from 'elanus';
const elanus = await open('./data');
const answer = await (await fetch(`http://${elanus.address}/healthz`)).text();
await elanus.close();
if (answer !== 'OK') throw new Error(answer);
console.log('open() works from the package');
JS
"$node" use.mjs
cat > use.cjs <<'JS'
const { collection, connect, int64, floatVector } = require('elanus/client');
const { open } = require('elanus');
(async () => {
  const elanus = await open();
  const client = connect(elanus.address);
  const shelf = client.collection(collection('a', { id: int64().primaryKey(), v: floatVector(2) }));
  await shelf.ensure();
  await shelf.insert.columns({ id: BigInt64Array.of(7n), v: Float32Array.of(1, 2) });
  const { ids } = await shelf.search('v', [1, 2]);
  await client.close();
  await elanus.close();
  if (ids[0] !== 7n) throw new Error(String(ids));
  console.log('the typed client works from CommonJS');
})();
JS
"$node" use.cjs
# A program that a bundler put together may have several copies of the package: errors of one are known by the other.
cp -r node_modules/elanus node_modules/elanus-again
cat > twice.mjs <<'JS'
import { ElanusError, open } from 'elanus';
import { ElanusError as Again } from 'elanus-again';
import { clientOver, collection, int64, floatVector, NotFoundError as Theirs } from 'elanus-again/client';
import { ClientError, NotFoundError } from 'elanus/client';
const elanus = await open();
const shelf = clientOver(elanus.transport()).collection(collection('none', { id: int64().primaryKey(), v: floatVector(2) }));
const missing = await shelf.count().catch((error) => error);
const refused = await elanus.transport().call('count', {}, {}).catch((error) => error);
await elanus.close();
const known = [
  [NotFoundError, Theirs, ClientError].every((one) => missing instanceof one),
  [ElanusError, Again].every((one) => refused instanceof one && !(missing instanceof one)),
  ElanusError !== Again,
];
if (known.includes(false)) throw new Error(`errors of another copy: ${known}`);
console.log('errors of two copies of the package are known by both');
JS
"$node" twice.mjs
rm -r node_modules/elanus-again
# The types, as every module resolution of TypeScript finds them; node10 is gone from newer compilers.
cat > use.ts <<'TS'
import { ElanusError, type ErrorKey, open, type OpenOptions } from 'elanus';
import { collection, connect, int64, varchar } from 'elanus/client';
const docs = collection('docs', { id: int64().primaryKey(), title: varchar(10) });
export const titles = async (): Promise<string[]> => [
  ...(await connect('localhost').collection(docs).query({ where: (f) => f.id.gt(1n) })).column('title'),
];
// @ts-expect-error int64 is bigint
export const wrong = () => connect('localhost').collection(docs).get(1);
const options: OpenOptions = { port: 0, logLevel: 'warn' };
export async function use(): Promise<ErrorKey | undefined> {
  const database = await open('./data', options);
  // @ts-expect-error a number is no text: it would be allowed if the types were not found
  const port: string = database.port;
  // @ts-expect-error no such key
  const none: ErrorKey = 'nothing';
  const reason = await database.close().then(
    () => none,
    (error) => (error instanceof ElanusError ? error.code : undefined),
  );
  return port === '' ? undefined : reason;
}
TS
for resolution in 'node10 --module commonjs' 'nodenext --module nodenext' 'bundler --module esnext'; do
  # shellcheck disable=SC2086
  npx -y -p typescript@5.9.3 tsc --noEmit --strict --target es2022 --moduleResolution $resolution use.ts
done
# The examples of the documents, as strict TypeScript.
for page in README.md docs/client.md; do
  name=$(basename "$page" .md)
  "$node" -e "
    const text = require('fs').readFileSync('$root/$page', 'utf8');
    console.log([...text.matchAll(/\`\`\`ts\n(.*?)\`\`\`/gs)].map((found) => found[1]).join(''));
  " > "$name.mts"
  npx -y -p typescript@5.9.3 -p @types/node@24 tsc --noEmit --strict --target es2022 --lib es2023,dom --skipLibCheck --module nodenext "$name.mts"
done
npx --no-install elanus --help | grep -q serve
npx --no-install elanus --version | grep -qxF "$(node -p "require('$root/package.json').version")"
# Every search needs its kernel and workers: the smoke test again, on the installed files.
ln -s "$root/node_modules" "$work/node_modules"
cp "$root/test/smoke/node20.mjs" "$work/smoke.mjs"
"$node" "$work/smoke.mjs" "$folder/node_modules/elanus"
