// Endpoints below jobs/import/. Ids of jobs are text, whatever the header says of int64.
import { z } from 'zod';
import { ImportState, type KeyValuePair } from '#proto/milvus/common.js';
import type { GetImportStateResponse } from '#proto/milvus/milvus.js';
import type { Answer } from '#server/rest/answers/json-text.js';
import { type Endpoint, endpoint } from '#server/rest/endpoint.js';
import { RestFailure } from '#server/rest/rest-failure.js';
import { dbName, int64, named, ofCollection, pairsOf, texts, values } from './shapes.js';

/** Where a cloud keeps a job; a server of one's own is in no region. */
const region = {
  projectId: z.string().optional(),
  regionId: z.string().optional(),
  clusterId: z.string().optional(),
};

const noText = z.string().max(0).nullish();
const noList = z.array(z.unknown()).max(0).nullish();
/** What a cloud imports from; pymilvus sends the names without values to everyone. */
const elsewhere = {
  ...{ objectUrl: noText, objectUrls: noList, volumeName: noText, dataPaths: noList },
  ...{ accessKey: noText, secretKey: noText, token: noText },
};
const pages = {
  pageSize: z.number().int().min(1).optional(),
  currentPage: z.number().int().min(1).default(1),
};
const ofJob = z.strictObject({ dbName, ...region, jobId: int64 });

const infoOf = (infos: readonly KeyValuePair[], key: string): string =>
  infos.find((info) => info.key === key)?.value ?? '';

function stateName(state: ImportState): string {
  switch (state) {
    case ImportState.ImportPending:
      return 'Pending';
    case ImportState.ImportFailed:
    case ImportState.ImportFailedAndCleaned:
      return 'Failed';
    case ImportState.ImportCompleted:
      return 'Completed';
    case ImportState.ImportPersisted:
      return 'Uncommitted';
    default:
      return 'Importing';
  }
}

const jobAnswer = (job: GetImportStateResponse, jobId: bigint) => ({
  jobId: String(jobId),
  collectionName: infoOf(job.infos, 'collection'),
  state: stateName(job.state),
  progress: Number(infoOf(job.infos, 'progress_percent') || 0),
  reason: infoOf(job.infos, 'failed_reason') || undefined,
});

/** What the server says of each file. */
const details = z.array(
  z.object({
    fileName: z.string(),
    fileSize: z.number(),
    progress: z.number(),
    state: z.string(),
    importedRows: z.number(),
    totalRows: z.number(),
    reason: z.string().optional(),
  }),
);

const timeText = (ms: string): string | undefined =>
  ms === '' ? undefined : new Date(Number(ms)).toISOString();

function jobDetails(job: GetImportStateResponse, jobId: bigint): Answer {
  const shown = jobAnswer(job, jobId);
  const rows = Number(job.rowCount);
  const isCompleted = shown.state === 'Completed';
  const completeTime = timeText(infoOf(job.infos, 'complete_ts'));
  return {
    ...shown,
    createTime: new Date(Number(job.createTs)).toISOString(),
    completeTime,
    importedRows: isCompleted ? rows : Number(infoOf(job.infos, 'rows_read') || 0),
    totalRows: isCompleted ? rows : undefined,
    fileSize: Number(infoOf(job.infos, 'bytes_total') || 0),
    details: details
      .parse(JSON.parse(infoOf(job.infos, 'details') || '[]'))
      .map((file) => ({ ...file, completeTime: file.state === 'Completed' ? completeTime : undefined })),
  };
}

const progress = {
  summary: 'How far an import is.',
  body: ofJob,
  calls: ['getImportState'],
  answer: async ({ jobId }: z.output<typeof ofJob>, call: Parameters<Endpoint['answer']>[1]) =>
    jobDetails(await call.rpc('getImportState', { task: jobId }), jobId),
} as const;

/** A decision about a job: who may import into its collection may make it. */
const decision = (path: string, summary: string, rpc: 'commitImport' | 'abortImport'): Endpoint =>
  endpoint({
    path,
    summary,
    body: ofJob,
    calls: ['getImportState', rpc],
    answer: async ({ jobId }, call) => {
      const { collectionId: collectionID } = await call.rpc('getImportState', { task: jobId });
      await call.rpc(rpc, { dbName: call.dbName, collectionID, jobId });
      return undefined;
    },
  });

/** The key as the body says it, or the header. */
function keyOf(inBody: string | undefined, inHeader: string): string {
  if (inBody !== undefined && inHeader !== '' && inBody !== inHeader)
    throw new RestFailure(
      1100,
      'idempotencyKey and the header Idempotency-Key differ, expected one of them, or the same in both: invalid parameter',
    );
  return inBody ?? inHeader;
}

export const importEndpoints: readonly Endpoint[] = [
  endpoint({
    path: 'jobs/import/create',
    summary: 'Begins an import of files that the server can read.',
    body: ofCollection.extend({
      ...region,
      ...elsewhere,
      partitionName: z.string().default(''),
      files: z.array(texts.min(1)).min(1),
      options: values.optional(),
      idempotencyKey: z.string().optional(),
    }),
    calls: ['import'],
    answer: async (body, call) => {
      const { tasks } = await call.rpc('import', {
        ...named(body, call),
        partitionName: body.partitionName,
        files: body.files.flat(),
        rowBased: true,
        options: pairsOf(body.options),
        idempotencyKey: keyOf(body.idempotencyKey, call.idempotencyKey),
      });
      return { jobId: String(tasks[0] ?? 0n) };
    },
  }),
  endpoint({
    path: 'jobs/import/list',
    summary: 'Imports into a collection, or all there are.',
    body: z.strictObject({ dbName, ...region, ...pages, collectionName: z.string().default('') }),
    calls: ['listImportTasks'],
    answer: async (body, call) => {
      const { tasks } = await call.rpc('listImportTasks', named(body, call));
      const { pageSize = tasks.length, currentPage } = body;
      return {
        records: tasks
          .slice((currentPage - 1) * pageSize, currentPage * pageSize)
          .map((task) => jobAnswer(task, task.id)),
      };
    },
  }),
  endpoint({ path: 'jobs/import/get_progress', ...progress }),
  endpoint({ path: 'jobs/import/describe', ...progress }),
  decision(
    'jobs/import/commit',
    'Makes the rows of an import visible that waits for it (option `auto_commit` is `false`).',
    'commitImport',
  ),
  decision('jobs/import/abort', 'Gives an import up that has not begun to commit.', 'abortImport'),
];
