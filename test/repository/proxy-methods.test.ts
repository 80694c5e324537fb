// What the documents say of the public calls is what the proxy's table says: each method once, as served, refused or without an answer.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OperationsDefinition } from '#proto/elanus/roles.js';
import { ClientTelemetryServiceDefinition, MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { requestFields } from '#roles/proxy/request-fields.js';
import { unsupportedMethods } from '#roles/proxy/unsupported-methods.js';
import { unaryMethodsOf } from '#rpc/interceptors.js';

const root = join(import.meta.dirname, '../..');
const compat = readFileSync(join(root, 'docs/compat.md'), 'utf8');

type State = 'works' | '3000' | 'gRPC UNIMPLEMENTED';

/** Rows of the table below a heading, by the name of the call. */
function rowsBelow(heading: string): [name: string, state: string][] {
  const section = compat.slice(compat.indexOf(`### ${heading}\n`)).split(/\n#{2,3} /)[0] ?? '';
  return [...section.matchAll(/^\| (\w+) \| ([^|]+?) \|/gm)].map((match) => [match[1] ?? '', match[2] ?? '']);
}

function statesOf(
  service:
    | typeof MilvusServiceDefinition
    | typeof ClientTelemetryServiceDefinition
    | typeof OperationsDefinition,
  isServed: (key: string) => boolean,
): [name: string, state: State][] {
  const answering = new Set(
    unaryMethodsOf(service)
      .filter(({ status }) => status.kind !== 'nowhere')
      .map(({ name }) => name),
  );
  return Object.entries(service.methods).map(([key, { name }]) => {
    if (isServed(key)) return [name, 'works'];
    return [name, answering.has(name) ? '3000' : 'gRPC UNIMPLEMENTED'];
  });
}

const milvus = statesOf(MilvusServiceDefinition, (key) => key in requestFields);
/** All of them are served. */
const telemetry = statesOf(ClientTelemetryServiceDefinition, () => true);
const own = statesOf(OperationsDefinition, () => true);

it('lists every call once, in the order of the protocol, with its state', () => {
  expect(milvus.length).toBeGreaterThan(140);
  expect(rowsBelow('milvus.proto.milvus.MilvusService')).toEqual(milvus);
  expect(rowsBelow('milvus.proto.milvus.ClientTelemetryService')).toEqual(telemetry);
  expect(rowsBelow('elanus.v1.Operations')).toEqual(own);
});

it('has each method of the protocol in one of the two lists', () => {
  const listed = [...Object.keys(requestFields), ...Object.keys(unsupportedMethods)];
  expect(listed.sort()).toEqual(Object.keys(MilvusServiceDefinition.methods).sort());
});

it('names every room and file of the proxy in its README, and nothing else', () => {
  const folder = join(root, 'src/roles/proxy');
  const there = readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'README.md' && !name.endsWith('.test.ts'))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  const table = readFileSync(join(folder, 'README.md'), 'utf8').match(/^\| `.*$/gm) ?? [];
  const named = table.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name),
  );
  expect(named.sort()).toEqual(there.sort());
});
