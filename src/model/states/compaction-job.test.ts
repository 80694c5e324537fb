// The life of a compaction that a client asked for: each move that is drawn, and no other.
import { expect, test } from 'vitest';
import { CompactionRecord } from '#proto/elanus/data.js';
import {
  type CompactionEvent,
  type CompactionJob,
  compactionRecord,
  moveCompactionJob,
  parseCompactionJob,
} from './compaction-job.js';

const refused = expect.objectContaining({ key: 'internal' });
const waiting = { state: 'waiting', sources: [5n] } as const;
const jobIn = (state: CompactionJob['state']): CompactionJob => ({
  ...parseCompactionJob(CompactionRecord.fromPartial({ id: 9n, state, major: true, segmentIds: [4n] })),
  plans: [waiting, waiting],
});
const events: readonly CompactionEvent[] = [
  { kind: 'begin', plans: [waiting, waiting] },
  { kind: 'plan_done', index: 1, targets: [8n] },
  { kind: 'plan_failed', index: 1, reason: 'no' },
  { kind: 'fail', reason: 'no' },
];

test.each([
  ['waiting', ['running', '', '', 'ended']],
  ['running', ['running', 'running', 'running', 'ended']],
  ['ended', ['', '', '', '']],
] as const)('%s', (state, drawn) => {
  for (const [at, event] of events.entries()) {
    if (drawn[at] === '') expect(() => moveCompactionJob(jobIn(state), event)).toThrow(refused);
    else expect(moveCompactionJob(jobIn(state), event).state).toBe(drawn[at]);
  }
});

test('ends with its last plan, and what has ended stays', () => {
  const done = moveCompactionJob(jobIn('running'), { kind: 'plan_done', index: 0, targets: [8n] });
  expect(moveCompactionJob(done, { kind: 'plan_failed', index: 0, reason: 'no' }).plans).toEqual(done.plans);
  const ended = moveCompactionJob(done, { kind: 'plan_failed', index: 1, reason: 'no' });
  expect(ended).toMatchObject({ state: 'ended', plans: [{ targets: [8n] }, { reason: 'no' }] });
  const bytes = CompactionRecord.encode(compactionRecord(ended)).finish();
  expect(parseCompactionJob(CompactionRecord.decode(bytes))).toEqual(ended);
});

test.each([
  ['compaction 7', { id: 7n, state: 'compacting' }],
  ['a plan of compaction 7', { id: 7n, state: 'running', plans: [{ state: 'compacting' }] }],
])('a state that this release does not have is named: %s', (what, record) => {
  const parse = () => parseCompactionJob(CompactionRecord.fromPartial(record));
  expect(parse).toThrow(expect.objectContaining({ key: 'unsupported' }));
  expect(parse).toThrow(`${what} is in the state "compacting"`);
});
