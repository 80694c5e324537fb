import { expect, test } from 'vitest';
import { SharedTasks } from './shared-tasks.js';
import type { Frame } from './task-frames.js';

const region = { id: 1, memory: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }) };
const task = (id: number, length: number) => ({
  ...{ id, task: 'search', regions: [region], micros: 60, isKept: false },
  input: { k: 10, queries: new Float32Array(length) },
});
type Task = ReturnType<typeof task>;

/** Beside one thread, which attends. */
function shared() {
  const peer = { number: 0, frames: new Set<number>() };
  const sent: number[] = [];
  const dropped: number[] = [];
  const tasks = new SharedTasks<Task, typeof peer>({
    threadsMax: 1,
    peers: () => [peer],
    idle: () => peer,
    sendFrame: (_, { id }: Frame) => sent.push(id) > 0,
    dropFrame: ({ id }) => dropped.push(id),
    call: () => {},
    settle: () => {},
    holdProcess: () => {},
  });
  tasks.ring.noteCalled(0);
  return { tasks, sent, dropped };
}

test.each([
  ['was offered', 4],
  ['is too large for a slot', 1 << 14],
])('with a region go the frames that threads were sent, also where a task %s', (_, length) => {
  const { tasks, sent, dropped } = shared();
  for (const id of [1, 2]) tasks.offer([task(id, length)], 0);
  expect([sent, dropped]).toEqual([[1], []]);
  tasks.ring.claimOldest();
  tasks.forgetRegion(region.id);
  expect(dropped).toEqual(sent);
});
