// Bulk import as clients see it: started at root-coord, followed at data-coord's list of jobs.
import { assertNever, must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { checkImportOptions } from '#model/imports/import-options.js';
import { ROOT } from '#model/rights/users-record.js';
import { type ImportJob, parseImportJob } from '#model/states/import-job.js';
import type { CallContext } from '#platform/transport.js';
import type { ImportJobRecord } from '#proto/elanus/data.js';
import type { ImportStateResponse } from '#proto/elanus/roles.js';
import { ImportState } from '#proto/milvus/common.js';
import { databaseOf } from '#roles/proxy/collection-access.js';
import { recordOfPairs } from '#roles/proxy/key-value-pairs.js';
import { checkImportedNamespace } from '#roles/proxy/namespaces/request-namespace.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';

type ImportParts = Pick<ProxyParts, 'access' | 'definitions' | 'channelRegistry' | 'platform' | 'rootCoord'>;

/** Files of one import, as Milvus bounds them. */
const FILES_MAX = 1024;

export class ImportMethods {
  readonly #parts: ImportParts;

  constructor(parts: ImportParts) {
    this.#parts = parts;
  }

  readonly import: PublicHandler<'import'> = async (request, context) => {
    checkImportOptions(request.options);
    const { access, definitions, rootCoord } = this.#parts;
    const collection = await access.open(request, context);
    checkImportedNamespace(collection, request.partitionName);
    access.limits.checkWriting(collection);
    await access.limits.checkRoom(collection, context);
    if (access.limits.isLimited(collection, 'bulkLoadRate'))
      access.limits.checkRate(collection, 'bulkLoadRate', await this.#bytesOf(request.files));
    const { database, record, schema } = collection;
    const { ID } = await rootCoord.allocID({ count: 1 }, context);
    const { jobId } = await definitions.importFiles(
      {
        jobId: ID,
        collection: { database, name: schema.name, id: record.id },
        partition: request.partitionName,
        files: request.files,
        options: recordOfPairs(request.options),
        idempotencyKey: request.idempotencyKey,
      },
      context,
    );
    return { tasks: [jobId] };
  };

  /** What cannot be read now fails the job, which says why. */
  async #bytesOf(files: readonly string[]): Promise<number> {
    let sum = 0;
    for (const key of files.slice(0, FILES_MAX)) {
      const file = await this.#parts.platform.objectStore.openRead(key).catch(() => undefined);
      sum += file?.size ?? 0;
      await file?.close();
    }
    return sum;
  }

  readonly getImportState: PublicHandler<'getImportState'> = async (request, context) => {
    const found = await this.#parts.channelRegistry.importState({ jobId: request.task }, context);
    const job = must(found.job, 'import job');
    const database = databaseOf({ dbName: '' }, context);
    if (!seesAll(context) && !(await this.#isIn(database, job.collectionId, context)))
      throw new ElanusError(
        'import_failed',
        `import job ${request.task} is not of a collection in database ${database}; name the database of its collection`,
      );
    const collectionName = await this.#nameNow(job, context);
    const task = importTask(job);
    const infos = {
      files: job.files.join(','),
      collection: collectionName,
      rows_read: String(found.rowsRead),
      ...readingInfos(found),
      ...(job.endTimestamp === 0n ? {} : { complete_ts: String(job.endTimestamp >> 18n) }),
      details: JSON.stringify(fileDetails(job)),
    };
    return {
      ...task,
      infos: [...task.infos, ...Object.entries(infos).map(([key, value]) => ({ key, value }))],
    };
  };

  /** A collection may have got another name since the job began; what was dropped is called as it was. */
  async #nameNow({ collectionId, collectionName }: ImportJobRecord, context: CallContext): Promise<string> {
    const named = { dbName: '', collectionName: '', collectionID: collectionId };
    try {
      return (await this.#parts.access.open(named, context)).schema.name;
    } catch (error) {
      if (error instanceof ElanusError && error.key === 'collection_not_found') return collectionName;
      throw error;
    }
  }

  /** Whoever names no collection sees the jobs of the database alone. */
  async #ofDatabase(
    jobs: readonly ImportJobRecord[],
    database: string,
    context: CallContext,
  ): Promise<ImportJobRecord[]> {
    const isThere = new Map<bigint, boolean>();
    for (const { collectionId } of jobs)
      if (!isThere.has(collectionId))
        isThere.set(collectionId, await this.#isIn(database, collectionId, context));
    return jobs.filter(({ collectionId }) => isThere.get(collectionId));
  }

  /** Where a dropped collection was is not known: its jobs are shown to those who may see all. */
  async #isIn(database: string, collectionID: bigint, context: CallContext): Promise<boolean> {
    try {
      const named = { dbName: database, collectionName: '', collectionID };
      return (await this.#parts.access.open(named, context)).database === database;
    } catch (error) {
      if (!(error instanceof ElanusError) || error.key !== 'collection_not_found') throw error;
      return seesAll(context);
    }
  }

  readonly listImportTasks: PublicHandler<'listImportTasks'> = async (request, context) => {
    const { access, channelRegistry } = this.#parts;
    const collectionId = request.collectionName === '' ? 0n : (await access.open(request, context)).record.id;
    if (request.limit < 0n)
      throw new ElanusError('invalid_parameter', `limit should be 0 or greater, but got ${request.limit}`);
    const { jobs } = await channelRegistry.listImportJobs({ collectionId }, context);
    const shown =
      collectionId === 0n ? await this.#ofDatabase(jobs, databaseOf(request, context), context) : jobs;
    const newest = [...shown]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(request.limit === 0n ? 0 : -Number(request.limit));
    return { tasks: newest.map(importTask) };
  };
}

const seesAll = ({ user }: CallContext): boolean => user === undefined || user === ROOT;

/** How fast the files are read, and how long the rest takes at that rate. */
function readingInfos(found: ImportStateResponse): Record<string, string> {
  const { bytesRead, bytesTotal, bytesPerSecond } = found;
  const left = bytesTotal > bytesRead ? bytesTotal - bytesRead : 0n;
  return {
    bytes_read: String(bytesRead),
    bytes_total: String(bytesTotal),
    ...(bytesPerSecond === 0n
      ? {}
      : { bytes_per_second: String(bytesPerSecond), seconds_left: String(left / bytesPerSecond + 1n) }),
  };
}

/** What is known of each set of files, as REST shows it. */
const fileDetails = (job: ImportJobRecord) =>
  job.tasks.flatMap(({ groups, isDone }) =>
    groups.map(({ paths, bytes, rowCount, reason }) => {
      const state = job.state === 'failed' ? 'Failed' : isDone ? 'Completed' : 'Pending';
      return {
        fileName: paths.join(','),
        fileSize: Number(bytes),
        progress: state === 'Completed' ? 100 : 0,
        state: state === 'Pending' && job.state === 'importing' ? 'InProgress' : state,
        importedRows: Number(rowCount),
        totalRows: Number(rowCount),
        reason: reason === '' ? undefined : reason,
      };
    }),
  );

const importTask = (job: ImportJobRecord) => ({
  state: importState(parseImportJob(job)),
  rowCount: job.importedRows,
  id: job.id,
  collectionId: job.collectionId,
  createTs: job.createTimestamp >> 18n,
  infos: [
    { key: 'collection', value: job.collectionName },
    { key: 'failed_reason', value: job.reason },
    { key: 'progress_percent', value: String(job.progress) },
  ],
});

function importState(job: ImportJob): ImportState {
  switch (job.state) {
    case 'pending':
      return ImportState.ImportPending;
    case 'importing':
    case 'committing':
      return ImportState.ImportStarted;
    // Written, and not seen by anybody yet.
    case 'uncommitted':
      return ImportState.ImportPersisted;
    case 'completed':
      return ImportState.ImportCompleted;
    case 'failed':
      return ImportState.ImportFailed;
    default:
      return assertNever(job);
  }
}
