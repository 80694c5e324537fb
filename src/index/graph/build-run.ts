// The steps of a build that go over all nodes, each in pieces on several threads.
import { assert } from '#base/assert.js';
import type { ExactVectors, IndexRegion } from '#index/block/vector-index.js';
import { runLanes } from '#index/block/work-lanes.js';
import type { OrderInput, OrderOutput } from '#index/graph/build/graph-order.js';
import type {
  BuildPlace,
  EncodeInput,
  FillInput,
  InsertInput,
  SampleOutput,
} from '#index/graph/build/graph-tasks.js';
import { stepOf } from '#index/graph/codes/graph-codes.js';
import { type BuildPlan, buildPlace } from './build-plan.js';
import { type BuildThreads, nearNodes } from './near-nodes.js';

/** A build whose vectors were looked at. */
export interface BuildRun<Region extends IndexRegion> extends BuildThreads<Region> {
  readonly plan: BuildPlan;
  readonly place: BuildPlace;
  readonly sample: SampleOutput;
  /** What codes have to distinguish; none where the graph is made by floats, which are not measured. */
  readonly near: readonly Uint32Array[];
}

/** Nodes that one task inserts or encodes, tens of milliseconds: searches that wait for the same threads get their turn between. */
const INSERTED_NODES = 128;
const ENCODED_NODES = 8192;

/** Completes the frame from a sample of the vectors, and takes from it the step of the codes that the graph is made by. */
export async function beginRun<Region extends IndexRegion>(
  threads: BuildThreads<Region>,
  plan: BuildPlan,
  source: ExactVectors,
): Promise<BuildRun<Region>> {
  const { workers, regions, signal } = threads;
  const first = buildPlace(plan, source, 1);
  const sample = await workers.run<SampleOutput>('graphSample', first, regions, signal);
  const place = buildPlace(plan, source, stepOf(plan.by, sample.deviation, sample.reach));
  const near = plan.by === 'SQ8' ? await nearNodes(threads, place, plan.nodes) : [];
  return { ...threads, plan, place, sample, near };
}

/** Runs a task over all nodes, `begin` and `end` added to its input. */
export function runShares<Region extends IndexRegion>(
  { workers, regions, signal, plan }: BuildRun<Region>,
  task: string,
  input: object,
): Promise<void> {
  const { nodes, threads } = plan;
  return runLanes(
    Math.ceil(nodes / ENCODED_NODES),
    threads,
    async (piece) => {
      const begin = piece * ENCODED_NODES;
      const share = { ...input, begin, end: Math.min(nodes, begin + ENCODED_NODES) };
      await workers.run(task, share, regions, signal);
    },
    signal,
  );
}

export const encodeNodes = <Region extends IndexRegion>(
  run: BuildRun<Region>,
  input: Omit<EncodeInput, 'begin' | 'end'>,
): Promise<void> => runShares(run, 'graphEncode', input);

/** Writes the codes that the graph is made by. */
export function encodeForMaking<Region extends IndexRegion>(run: BuildRun<Region>): Promise<void> {
  const { place, plan } = run;
  const { layout, by } = plan;
  return encodeNodes(run, {
    place,
    form: by,
    out: layout.codes,
    stride: layout.codeStride,
    order: 0,
  });
}

/** Links all nodes. @param onProgress share done, 0 to 1 */
export async function insertNodes<Region extends IndexRegion>(
  run: BuildRun<Region>,
  onProgress: (done: number) => void,
): Promise<void> {
  const { workers, regions, signal, place, plan } = run;
  const { nodes, threads } = plan;
  const insertUpTo = (most: number): Promise<number> =>
    workers.run<number>('graphInsert', { place, most } satisfies InsertInput, regions, signal);
  // The first node alone: until it stands there is no graph for the others to enter.
  if (nodes > 0) await insertUpTo(1);
  let inserted = Math.min(1, nodes);
  const insert = async (): Promise<void> => {
    // Other lanes add to the sum during the await: it is read afterwards.
    const count = await insertUpTo(INSERTED_NODES);
    inserted += count;
    onProgress(inserted / Math.max(1, nodes));
  };
  // Threads take the next nodes from one counter, so a piece has no fixed range; as many pieces as it takes, and none comes back empty-handed.
  await runLanes(Math.ceil((nodes - inserted) / INSERTED_NODES), threads, insert, signal);
  assert(inserted === nodes, `${inserted} of ${nodes} nodes were inserted`);
}

/** Chooses the order of the nodes in memory. */
export function orderNodes<Region extends IndexRegion>(run: BuildRun<Region>): Promise<OrderOutput> {
  const { workers, regions, signal, place, plan } = run;
  const order: OrderInput = { place, isOrdered: plan.isOrdered };
  return workers.run<OrderOutput>('graphOrder', order, regions, signal);
}

/** Writes the links in that order. */
export const fillLinks = <Region extends IndexRegion>(run: BuildRun<Region>): Promise<void> =>
  runShares(run, 'graphFill', { place: run.place } satisfies Omit<FillInput, 'begin' | 'end'>);
