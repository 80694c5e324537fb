// The calls about imports: those of Milvus's DataCoord in both generations, and ours. What a client sees of a job is made here.
import { assertNever } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { groupFiles } from '#model/imports/import-format.js';
import { checkImportOptions } from '#model/imports/import-options.js';
import { bytesOf, type ImportJob, importJobRecord, isLiveJob, progressAt } from '#model/states/import-job.js';
import type { Clock } from '#platform/time.js';
import type { ImportJobRecord } from '#proto/elanus/data.js';
import type { ChannelRegistryDefinition, ImportStateResponse } from '#proto/elanus/roles.js';
import type { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { ImportJobState, type ImportTaskProgress } from '#proto/milvus/internal.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { DataCoordPeers } from '#roles/data-coord/data-coord-peers.js';
import { backgroundContext, type DeepPartial, type Handlers } from '#rpc/service.js';
import type { ImportJobs } from './import-jobs.js';
import type { ServedImports } from './served-imports.js';

/** The key of a request, among the options of a job: the calls of Milvus have no other place for it. */
const KEY_OPTION = 'idempotency_key';

export interface ImportCallsParts {
  readonly catalog: DataCatalog;
  readonly peers: DataCoordPeers;
  readonly imports: ImportJobs;
  readonly served: ServedImports;
  readonly serverId: bigint;
  readonly clock: Pick<Clock, 'now'>;
}

/** What a data-node that reads files may take to say how far it is, in ms: who asks for the state must not wait for one that is away. */
const PROGRESS_MS = 1000;

type WireCalls = Pick<
  Handlers<typeof DataCoordDefinition>,
  'import' | 'importV2' | 'getImportProgress' | 'listImports'
>;
type OwnCalls = Pick<
  Handlers<typeof ChannelRegistryDefinition>,
  'importState' | 'listImportJobs' | 'abortImport' | 'commitImport'
>;

export class ImportCalls {
  readonly #parts: ImportCallsParts;

  constructor(parts: ImportCallsParts) {
    this.#parts = parts;
  }

  readonly wireHandlers: WireCalls = {
    import: async ({ importTask }) => {
      if (importTask === undefined)
        throw new ElanusError(
          'missing_parameter',
          'Import: no task given, expected its collection and files',
        );
      const { taskId: jobId, collectionId, partitionId, channelNames: vchannels, files, infos } = importTask;
      const groups = groupFiles(files);
      const partitionIds = [partitionId];
      await this.#add({ jobId, collectionId, partitionIds, vchannels, groups, options: infos });
      // The job waits for its turn here: no data-node has it yet, and 0 would mean that nobody took it.
      return { datanodeId: this.#parts.serverId };
    },
    importV2: async ({ jobID: jobId, collectionID: collectionId, files, ...request }) => {
      const { partitionIDs: partitionIds, channelNames: vchannels, options } = request;
      const groups = files.flatMap(({ paths }) => groupFiles(paths));
      const { ID } = jobId === 0n ? await this.#parts.peers.rootCoord.allocID({ count: 1 }) : { ID: jobId };
      return {
        jobID: String(await this.#add({ jobId: ID, collectionId, partitionIds, vchannels, groups, options })),
      };
    },
    getImportProgress: async ({ jobID }) => {
      const job = this.#job(/^\d{1,19}$/.test(jobID) ? BigInt(jobID) : 0n);
      const { progress, rowsRead } = await this.stateOf(job);
      const shown = this.#shown(job);
      return {
        state: jobState(job, shown),
        reason: shown.reason,
        progress,
        collectionName: job.collectionName,
        createTime: timeText(job.createTimestamp),
        completeTime: timeText(shown.endTimestamp),
        importedRows: isLiveJob(job) ? rowsRead : shown.importedRows,
        totalRows: isLiveJob(job) ? 0n : shown.importedRows,
        taskProgresses: groupStates(job),
      };
    },
    listImports: async ({ collectionID }) => {
      const jobs = this.#jobsOf(collectionID);
      const shown = jobs.map((job) => this.#shown(job));
      return {
        jobIDs: jobs.map(({ id }) => String(id)),
        states: jobs.map((job, at) => jobState(job, shown[at])),
        reasons: shown.map(({ reason }) => reason),
        progresses: shown.map(({ progress }) => progress),
        collectionNames: jobs.map(({ collectionName }) => collectionName),
      };
    },
  };

  readonly ownHandlers: OwnCalls = {
    importState: ({ jobId }) => this.stateOf(this.#job(jobId)),
    listImportJobs: async ({ collectionId }) => ({
      jobs: this.#jobsOf(collectionId).map((job) => this.#shown(job)),
    }),
    abortImport: async ({ jobId }) => {
      this.#job(jobId);
      await this.#parts.imports.cancel(jobId, 'the import was cancelled; nothing of it was kept');
      return {};
    },
    commitImport: async ({ jobId }) => {
      this.#job(jobId);
      await this.#parts.imports.commit(jobId);
      return {};
    },
  };

  #add(order: Omit<Parameters<ImportJobs['add']>[0], 'idempotencyKey'>): Promise<bigint> {
    const isKey = ({ key }: { readonly key: string }): boolean => key === KEY_OPTION;
    const options = order.options.filter((option) => !isKey(option));
    checkImportOptions(options);
    return this.#parts.imports.add({
      ...order,
      options,
      idempotencyKey: order.options.find(isKey)?.value ?? '',
    });
  }

  #job(jobId: bigint): ImportJob {
    const job = this.#parts.catalog.jobs.get(jobId);
    if (job !== undefined) return job;
    throw new ElanusError(
      'import_failed',
      `import job ${jobId} does not exist; list the jobs of the collection`,
    );
  }

  #jobsOf(collectionId: bigint): ImportJob[] {
    return [...this.#parts.catalog.jobs.values()].filter(
      (job) => collectionId === 0n || job.collectionId === collectionId,
    );
  }

  /** The job as clients see it: completed once a read finds its rows. */
  #shown(job: ImportJob): ImportJobRecord {
    const record = { ...importJobRecord(job), segments: [] };
    if (job.state !== 'committing' && !this.#parts.served.isWaiting(job.id)) return record;
    return { ...record, state: 'importing', progress: 99n, endTimestamp: 0n };
  }

  #progressOf({ id: jobId }: ImportJob) {
    const { clock, peers } = this.#parts;
    const context = { ...backgroundContext, deadlineMs: clock.now() + PROGRESS_MS };
    return peers.dataNode.importProgress({ jobId }, context).catch(() => undefined);
  }

  /** How far it is, with what the data-node says of the task that is under way. */
  async stateOf(
    job: ImportJob,
  ): Promise<DeepPartial<ImportStateResponse> & { progress: bigint; rowsRead: bigint }> {
    const shown = this.#shown(job);
    const bytesTotal = bytesOf(job.tasks);
    const done = job.tasks.filter(({ isDone }) => isDone);
    const running = job.state === 'importing' ? await this.#progressOf(job) : undefined;
    const bytesRead = bytesOf(done) + (running?.bytes ?? 0n);
    const rowsRead =
      done.reduce((sum, { groups }) => sum + groups.reduce((rows, { rowCount }) => rows + rowCount, 0n), 0n) +
      (running?.rows ?? 0n);
    const elapsedMs = running?.elapsedMs ?? 0n;
    const bytesPerSecond = elapsedMs === 0n ? 0n : ((running?.bytes ?? 0n) * 1000n) / elapsedMs;
    const progress =
      shown.state === 'importing' && shown.progress < 99n ? progressAt(job, bytesRead) : shown.progress;
    return { job: { ...shown, progress }, bytesRead, bytesTotal, bytesPerSecond, rowsRead, progress };
  }
}

const timeText = (timestamp: bigint): string =>
  timestamp === 0n ? '' : new Date(Number(timestamp >> 18n)).toISOString();

function jobState(job: ImportJob, shown: ImportJobRecord | undefined): ImportJobState {
  switch (job.state) {
    case 'pending':
      return ImportJobState.Pending;
    case 'importing':
    case 'committing':
      return ImportJobState.Importing;
    case 'uncommitted':
      return ImportJobState.Uncommitted;
    case 'completed':
      return shown?.state === 'completed' ? ImportJobState.Completed : ImportJobState.Importing;
    case 'failed':
      return ImportJobState.Failed;
    default:
      return assertNever(job);
  }
}

/** Each group of files, by what the journal says of it. */
function groupStates(job: ImportJob): ImportTaskProgress[] {
  return job.tasks.flatMap(({ groups, isDone }) =>
    groups.map((group) => {
      const isFailed = job.state === 'failed';
      return {
        fileName: group.paths.join(','),
        fileSize: group.bytes,
        reason: group.reason,
        progress: isFailed ? 0n : isDone ? 100n : 0n,
        completeTime: job.state === 'completed' ? timeText(job.endTimestamp) : '',
        state: isFailed
          ? 'Failed'
          : isDone
            ? 'Completed'
            : job.state === 'pending'
              ? 'Pending'
              : 'InProgress',
        importedRows: group.rowCount,
        totalRows: isDone ? group.rowCount : 0n,
      };
    }),
  );
}
