// What of a build is settled before its region exists: nodes, layers, the frame, and where everything lies; and how its region begins.
import type { ExactVectors } from '#index/block/vector-index.js';
import { type BuildLayout, layoutBuild } from '#index/graph/build/graph-build-layout.js';
import type { BuildPlace } from '#index/graph/build/graph-tasks.js';
import { drawLevels } from '#index/graph/build/node-levels.js';
import type { RowCopies } from '#index/graph/build/row-copies.js';
import { ROTATED_DIM_MIN, rotationSigns } from '#index/graph/codes/graph-codes.js';
import { type GraphPqLayout, graphPqLayout } from '#index/graph/pq/graph-pq-layout.js';
import { type GraphSpec, presentRows } from './graph-spec.js';

export interface Making {
  /** The codes that the graph is made by; floats are not measured. */
  readonly by?: 'SQ8' | 'FP32';
  readonly copies: RowCopies | undefined;
}

export interface BuildPlan {
  readonly spec: GraphSpec;
  readonly by: 'SQ8' | 'FP32';
  /** Rows of equal vectors share the node of the first; undefined where each row has its own. */
  readonly copies: RowCopies | undefined;
  /** The row of each node. */
  readonly rows: Uint32Array;
  readonly nodes: number;
  readonly levels: ReturnType<typeof drawLevels>;
  readonly isRotated: boolean;
  readonly frame: Float32Array;
  /** Nodes lie in an order of their own, so that neighbours are near to each other in memory. */
  readonly isOrdered: boolean;
  readonly pq: GraphPqLayout | undefined;
  readonly layout: BuildLayout;
  readonly seed: number;
  readonly threads: number;
}

/** From here on the order of nodes in memory matters: the codes outgrow the caches. */
const ORDERED_NODES_MIN = 20_000;

/** @throws memory_limit when the build does not fit into one region */
export function planBuild(spec: GraphSpec, { by = 'SQ8', copies }: Making, parallelism: number): BuildPlan {
  const { dim, degree, metric, seed = 1 } = spec;
  const rows = copies?.distinct ?? presentRows(spec);
  const nodes = rows.length;
  const levels = drawLevels(nodes, degree, seed);
  // Floats need no frame: what reads the block finds one of zeros.
  const isRotated = by === 'SQ8' && dim >= ROTATED_DIM_MIN;
  const frame = new Float32Array(5 * dim);
  if (isRotated) frame.set(rotationSigns(dim, seed + 1), dim);
  const pq = spec.pq && graphPqLayout(dim, spec.pq, metric, nodes);
  // Room for the longest of those that may fit.
  const roomFor = spec.form === 'fitting' ? 'SQ8' : spec.form;
  const layout = layoutBuild(
    { ...spec, by, form: roomFor, hasNearLinks: metric === 'IP', ...(pq && { codeStride: pq.stride }) },
    nodes,
    levels.lists,
    parallelism,
  );
  const threads = Math.max(1, Math.min(spec.threads ?? parallelism, parallelism));
  const isOrdered = nodes >= ORDERED_NODES_MIN;
  return { spec, by, copies, rows, nodes, levels, isRotated, frame, isOrdered, pq, layout, seed, threads };
}

/** Writes what the region of a build begins with: no links, the layers of the nodes, their rows and the frame. */
export function beginRegion({ buffer }: WebAssembly.Memory, plan: BuildPlan): void {
  const { layout, levels, nodes, rows, frame } = plan;
  new Uint8Array(buffer, layout.links, layout.linkBytes).fill(255);
  new Uint8Array(buffer, layout.upper, layout.upperBytes).fill(255);
  new Uint8Array(buffer, layout.levels, nodes).set(levels.levels);
  new Uint32Array(buffer, layout.upperOf, nodes).set(levels.offsets);
  new Uint32Array(buffer, layout.rows, nodes).set(rows);
  new Int32Array(buffer, layout.header, 4).set([0, -1, 0, 0]);
  new Float32Array(buffer, layout.frame, frame.length).set(frame);
}

/** What tasks know of the build. @param step of the codes that the graph is made by */
export function buildPlace(plan: BuildPlan, source: ExactVectors, step: number): BuildPlace {
  const { spec, nodes, layout, isRotated, by } = plan;
  const { dim, degree, metric, efConstruction } = spec;
  return {
    nodes,
    dim,
    degree,
    metric,
    layout,
    source,
    isRotated,
    hasMean: by === 'SQ8' && metric !== 'IP',
    by,
    efConstruction,
    step,
  };
}
