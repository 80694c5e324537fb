// What import jobs wait for: their turn, a file that is read, another try, the catalog, or those who serve the rows.
import type { Explained } from '#model/states/explained.js';
import { type ImportJob, isLiveJob } from '#model/states/import-job.js';
import type { DataCatalog } from '#roles/data-coord/data-catalog.js';
import type { ImportCalls } from '#roles/data-coord/imports/import-calls.js';
import type { ImportWaits } from '#roles/data-coord/imports/import-waits.js';
import type { ServedImports } from '#roles/data-coord/imports/served-imports.js';

export interface ImportFacts {
  readonly catalog: Pick<DataCatalog, 'jobsOf'>;
  readonly imports: Pick<ImportCalls, 'stateOf'>;
  readonly importWaits: ImportWaits;
  readonly served: ServedImports;
}

export async function explainImports(
  facts: ImportFacts,
  collectionIds: ReadonlySet<bigint>,
): Promise<readonly Explained[]> {
  const jobs = [...collectionIds].flatMap((id) => facts.catalog.jobsOf(id));
  const waiting = jobs.filter((job) => isLiveJob(job) || facts.served.isWaiting(job.id));
  return Promise.all(waiting.map((job) => explain(facts, job)));
}

async function explain(facts: ImportFacts, job: ImportJob): Promise<Explained> {
  const { imports, importWaits, served } = facts;
  const wait = importWaits.of(job.id);
  const of = { collectionId: job.collectionId, what: `import job ${job.id}`, state: job.state };
  if (job.state === 'completed') {
    const why = served.whyWaiting(job.id);
    return {
      ...{ ...of, state: 'committing', progress: 99, sinceMs: msOf(job.endTimestamp) },
      waitsFor: `query-coord to serve its rows${why === '' ? '' : `; at the last try: ${why}`}`,
    };
  }
  if (job.state === 'uncommitted')
    return {
      ...{ ...of, progress: 99, sinceMs: msOf(job.createTimestamp) },
      waitsFor: 'a client to commit or abort it (auto_commit is false)',
    };
  // A job that a restart found in the middle waits for its turn as a new one does.
  if (wait === undefined) return { ...of, ...turnOf(facts, job), progress: 0 };
  const { progress, bytesRead = 0n, bytesTotal = 0n, bytesPerSecond = 0n } = await imports.stateOf(job);
  const rate = bytesPerSecond === 0n ? '' : rateText(bytesTotal - bytesRead, bytesPerSecond);
  return { ...of, ...wait, waitsFor: `${wait.waitsFor}${rate}`, progress: Number(progress) };
}

function turnOf({ importWaits }: ImportFacts, job: ImportJob) {
  const { running } = importWaits;
  const waitsFor =
    running === undefined || running === job.id ? 'its turn' : `its turn, after import job ${running}`;
  return { waitsFor, sinceMs: msOf(job.createTimestamp) };
}

const rateText = (left: bigint, bytesPerSecond: bigint): string =>
  `, ${bytesPerSecond} bytes a second, ${(left > 0n ? left : 0n) / bytesPerSecond + 1n} s left`;

const msOf = (timestamp: bigint): number => Number(timestamp >> 18n);
