// Tasks over one region: it is theirs until the last of them has ended.

/**
 * Waits for all of them, even when one fails.
 * @param atOnce how many are handed over at a time: what other searches ask of the threads meanwhile gets its turn between them
 */
export async function settled<T>(jobs: readonly (() => Promise<T>)[], atOnce = jobs.length): Promise<T[]> {
  const [only] = jobs;
  if (only !== undefined && jobs.length === 1) return [await only()];
  const results = new Array<T>(jobs.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < jobs.length) {
      const at = next++;
      const job = jobs[at];
      if (job === undefined) return;
      try {
        results[at] = await job();
      } catch (error) {
        next = jobs.length; // The others are not begun any more.
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(atOnce, jobs.length) }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return results;
}
