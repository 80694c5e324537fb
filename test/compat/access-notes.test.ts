// The access table asks for what Milvus's protocol notes at the requests: the same privileges, on the same kinds of objects, and where it
// differs it is stricter, as listed here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import { methodsOf } from '#rpc/interceptors.js';
import { accessCases } from '../support/access-cases.js';

const proto = readFileSync(join(import.meta.dirname, '../../proto/milvus/milvus.proto'), 'utf8');
const requestOf = new Map(
  [...proto.matchAll(/rpc (\w+)\s*\(\s*(?:stream )?([\w.]+)\s*\)/g)].map(([, name, type]) => [name, type]),
);
const notes = new Map(
  [...proto.matchAll(/\/\/ needs (\w+)\/Privilege(\w+)[^\n]*\n(?:\/\/[^\n]*\n)*message (\w+)/g)].map(
    ([, , privilege, message]) => [message, privilege],
  ),
);

/** Calls that the protocol leaves to everyone, and what they ask for here. */
const stricter: Readonly<Record<string, string>> = {
  HasCollection: 'DescribeCollection',
  DescribePrewarmTask: 'GetLoadState',
  GetPartitionStatistics: 'GetStatistics',
  GetFlushAllState: 'FlushAll',
  GetPersistentSegmentInfo: 'GetStatistics',
  GetQuerySegmentInfo: 'GetStatistics',
  GetReplicas: 'GetLoadState',
  GetCompactionState: 'Compaction',
  GetCompactionStateWithPlans: 'Compaction',
  GetImportState: 'GetImportProgress',
  ListImportTasks: 'ListImport',
  ListIndexedSegment: 'IndexDetail',
  DescribeSegmentIndexData: 'IndexDetail',
  ReplicateMessage: 'UpdateReplicateConfiguration',
  CreateReplicateStream: 'UpdateReplicateConfiguration',
  DumpMessages: 'UpdateReplicateConfiguration',
  RunAnalyzer: 'DescribeCollection',
  GetReplicateInfo: 'GetReplicateConfiguration',
  GetRestoreSnapshotState: 'RestoreSnapshot',
  ListRefreshExternalCollectionJobs: 'RefreshExternalCollection',
  GetRefreshExternalCollectionProgress: 'RefreshExternalCollection',
};

it('is as the protocol notes, or stricter', () => {
  expect(notes.size).toBeGreaterThan(90);
  const table = Object.fromEntries(
    accessCases
      .filter(({ method }) => methodsOf(MilvusServiceDefinition).some(({ name }) => name === method.name))
      .map(({ method, row }) => [method.name, row === undefined || row === 'everyone' ? row : row.privilege]),
  );
  const noted = Object.fromEntries(
    Object.keys(table).map((name) => [
      name,
      notes.get(requestOf.get(name) ?? '') ?? stricter[name] ?? 'everyone',
    ]),
  );
  expect(table).toEqual(noted);
  for (const name of Object.keys(stricter))
    expect(notes.get(requestOf.get(name) ?? ''), name).toBeUndefined();
});

it('what everyone may call is said in the documents', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8');
  const [, listed = ''] = /Every user may call, without a grant: ([^.]+)\./.exec(text) ?? [];
  const free = accessCases.filter(({ row, isBuilt }) => row === 'everyone' && isBuilt);
  expect(listed.split(/,\s+/).sort()).toEqual(free.map(({ method }) => method.name).sort());
});
