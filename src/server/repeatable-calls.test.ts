// docs/coordination.md says of each call that changes something at a coordinator what becomes of it when the coordinator dies.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { rowsOf, section } from '../../test/repository/documents.js';
import { callsAgain } from './repeatable-calls.js';

const roles = {
  'root-coord': ['milvus.proto.rootcoord.RootCoord', 'elanus.v1.Definitions', 'elanus.v1.Users'],
  'data-coord': ['milvus.proto.data.DataCoord', 'elanus.v1.ChannelRegistry'],
  'query-coord': ['elanus.v1.QueryCoord'],
};

test('every call that writes has its row, with how it goes again', () => {
  const page = readFileSync(new URL('../../docs/coordination.md', import.meta.url), 'utf8');
  const rows = rowsOf(section(page, '## When the coordinator dies over a call')).slice(1);
  const written = rows.flatMap(([role = '', calls = '', again = '']) =>
    calls.split(', ').map((call) => `${role} ${call.replaceAll('`', '')} ${again.replaceAll('`', '')}`),
  );
  const decided = Object.entries(roles).flatMap(([role, services]) =>
    services
      .flatMap((service) => Object.entries(callsAgain[service] ?? {}))
      .filter(([, again]) => again !== 'read')
      .map(([call, again]) => `${role} ${call} ${again}`),
  );
  expect(decided.length).toBeGreaterThan(40);
  expect(written.sort()).toEqual(decided.sort());
});
