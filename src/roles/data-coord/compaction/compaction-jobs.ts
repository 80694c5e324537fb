// Compactions that clients asked for, and how far each is. Kept in memory: they end with the process.

export interface JobPlan {
  readonly state: 'waiting' | 'running' | 'done' | 'failed';
  readonly sources: readonly bigint[];
  readonly targets: readonly bigint[];
  /** Why it failed. */
  readonly reason: string;
}

/** What a client wants compacted, and how. */
export interface WantedCompaction {
  readonly collectionId: bigint;
  /** 0: as large as segments get. */
  readonly targetBytes: number;
  /** Rows are put in the order of the clustering key. */
  readonly major: boolean;
  /** Deletes of level zero are written to the segments that they hit, and rows stay where they are. */
  readonly deletesOnly: boolean;
  /** 0n: every partition. */
  readonly partitionId: bigint;
  /** Empty: every shard. */
  readonly vchannel: string;
  /** None: every segment. */
  readonly segmentIds: readonly bigint[];
}

export interface CompactionJob extends WantedCompaction {
  readonly id: bigint;
  /** When it was asked for, in wall-clock ms. */
  readonly askedMs: number;
  plans: JobPlan[];
}

/** The oldest are forgotten first. */
const JOBS_MAX = 1000;

export class CompactionJobs {
  readonly #jobs = new Map<bigint, CompactionJob>();

  add(job: Omit<CompactionJob, 'plans'>): CompactionJob {
    const added = { ...job, plans: [] };
    this.#jobs.set(job.id, added);
    for (const id of this.#jobs.keys()) {
      if (this.#jobs.size <= JOBS_MAX) break;
      this.#jobs.delete(id);
    }
    return added;
  }

  get(id: bigint): CompactionJob | undefined {
    return this.#jobs.get(id);
  }
}
