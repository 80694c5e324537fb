// How long the records of imports that ended are kept, and with them the keys under which they were ordered.
import { expect, test } from 'vitest';
import { composeTimestamp } from '#base/timestamp.js';
import { type EndedJob, isLiveJob, parseImportJob } from '#model/states/import-job.js';
import { ImportJobRecord } from '#proto/elanus/data.js';
import { forgottenJobs } from './import-plan.js';

const DAY_MS = 86_400_000;
const NOW_MS = 1_000 * DAY_MS;

/** @param endMs wall clock at the end */
function job(id: number, createMs: number, endMs: number, idempotencyKey = ''): EndedJob {
  const parsed = parseImportJob(
    ImportJobRecord.fromPartial({
      ...{ id: BigInt(id), state: 'completed', idempotencyKey },
      ...{ createTimestamp: composeTimestamp(createMs, 0), endTimestamp: composeTimestamp(endMs, 0) },
    }),
  );
  if (isLiveJob(parsed)) throw new Error('expected one that ended');
  return parsed;
}
const many = (count: number, first = 0): EndedJob[] =>
  Array.from({ length: count }, (_, at) => job(first + at, NOW_MS, NOW_MS, `key ${at}`));
const idsOf = (jobs: readonly EndedJob[]) => jobs.map(({ id }) => id);

test('a clock that jumps by a year forgets none of the newest', () => {
  expect(forgottenJobs(many(256), NOW_MS + 365 * DAY_MS)).toEqual([]);
});

test('what is older than these goes after three hours, with a key after a day', () => {
  const jobs = [job(1, NOW_MS, NOW_MS), job(2, NOW_MS, NOW_MS, 'key'), ...many(256, 10)];
  expect(forgottenJobs(jobs, NOW_MS + DAY_MS / 12)).toEqual([]);
  expect(idsOf(forgottenJobs(jobs, NOW_MS + DAY_MS / 6))).toEqual([1n]);
  expect(idsOf(forgottenJobs(jobs, NOW_MS + DAY_MS + 1))).toEqual([2n, 1n]);
});

test('a job that ended while the clock was a year behind is not of last year', () => {
  const jobs = [job(1, NOW_MS, NOW_MS - 365 * DAY_MS, 'key'), ...many(256, 10)];
  expect(forgottenJobs(jobs, NOW_MS + 1000)).toEqual([]);
});
