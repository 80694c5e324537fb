// What all searches of an index on a thread have in common: its parameters, what is where in its memory, how queries are framed. Made with
// the first of them and kept with the memory, as making it anew took every search a microsecond and a kilobyte.
import { must } from '#base/assert.js';
import { type ElementType, vectorBytes } from '#index/block/element-type.js';
import type { MetricType } from '#index/block/metric.js';
import type { IndexPlacement } from '#index/block/vector-index.js';
import { type CodeForm, type Frame, isCodeForm } from '#index/graph/codes/graph-codes.js';
import { type GraphKernel, graphKernel } from '#index/graph/codes/graph-kernel.js';
import { CopiesOfRows } from '#index/graph/nodes/copies-of-rows.js';
import {
  type GraphParams,
  graphParams,
  type WorkLayout,
  workLayout,
} from '#index/graph/nodes/graph-layout.js';
import { type GraphIndexPlace, type GraphWalks, plainWalks } from './graph-walks.js';
import { frameOf } from './query-frame.js';

export class GraphPlace implements GraphIndexPlace {
  readonly index: IndexPlacement;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly kernel: GraphKernel;
  readonly params: GraphParams;
  readonly metric: MetricType;
  readonly isIp: boolean;
  readonly at: number;
  readonly work: WorkLayout;
  readonly form: CodeForm;
  readonly frame: Frame;
  readonly queryBytes: number;
  /** Address of the row of each node; 0: nodes are rows. */
  readonly rows: number;
  readonly upper: number;
  readonly upperOf: number;
  readonly header: number;
  readonly copies: CopiesOfRows | undefined;
  #plainWalks: GraphWalks | undefined;

  constructor(index: IndexPlacement, memory: WebAssembly.Memory, thread: number) {
    this.index = index;
    this.memory = memory;
    this.thread = thread;
    this.kernel = graphKernel.on(memory);
    this.params = graphParams(index);
    const { nodes, degree, form, hasRows } = this.params;
    this.metric = index.metric as MetricType;
    this.isIp = index.metric === 'IP';
    this.at = index.workOffset + index.workBytes * thread;
    this.work = workLayout(nodes, index.dim, degree);
    this.form = isCodeForm(form) ? form : 'SQ8';
    this.frame = frameOf(index, this.form);
    this.queryBytes = vectorBytes(index.elementType as ElementType, index.dim);
    const place = (name: string): number => must(index.sections[name], `section ${name}`).offset;
    this.rows = hasRows ? place('rows') : 0;
    this.upper = place('upper');
    this.upperOf = place('upperOf');
    this.header = place('header');
    this.copies = CopiesOfRows.in(memory, index);
  }

  /** Walks of a graph whose codes and lists lie apart. */
  get plainWalks(): GraphWalks {
    this.#plainWalks ??= plainWalks(this);
    return this.#plainWalks;
  }
}

/** The place of the search before, by memory. */
const latest = new WeakMap<WebAssembly.Memory, GraphPlace>();

/** A placement is never written to: the same object says the same. */
export function graphPlaceOf(index: IndexPlacement, memory: WebAssembly.Memory, thread: number): GraphPlace {
  const known = latest.get(memory);
  if (known?.index === index && known.thread === thread) return known;
  const made = new GraphPlace(index, memory, thread);
  latest.set(memory, made);
  return made;
}
