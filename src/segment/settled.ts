// Tasks over one region: it is theirs until the last of them has ended.

/** Waits for all of them, even when one fails: the region is theirs until then. */
export async function settled<T>(jobs: readonly (() => Promise<T>)[]): Promise<T[]> {
  const [only] = jobs;
  if (only !== undefined && jobs.length === 1) return [await only()];
  const ends = await Promise.allSettled(jobs.map((job) => job()));
  return ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}
