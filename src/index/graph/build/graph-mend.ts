// The last look at a graph before its order is made: nodes that few others link to are searched for, and get links from where the search
// ended. Rows far from all others lose the links to them one by one, as nearer rows come to those that had them. Where lengths of rows differ
// by factors this is the rule: a row shorter than its neighbour is nearer to all of that neighbour's other neighbours, so the heuristic of
// the build leaves stars, of which a walk finds the middle alone.
import { NIL, workLayout } from '#index/graph/nodes/graph-layout.js';
import { type BuildContext, type BuildPlace, buildKernel, memoriesOf } from './graph-tasks.js';

export interface CountLinksInput {
  readonly place: BuildPlace;
  /** The first so many nodes are linked. */
  readonly nodes: number;
}

export interface MendPlan {
  /** Nodes with as many links to them are left as they are. */
  readonly enough: number;
  /** Most nodes have few links to them: each gets enough, also where a search finds it. */
  readonly areStars: boolean;
  /** The part of the nodes that have few. */
  readonly few: number;
}

export interface MendInput extends CountLinksInput {
  readonly plan: MendPlan;
  /** Nodes that are looked at. */
  readonly begin: number;
  readonly end: number;
}

/** Nodes with as many links to them are found in practice, where lists are as the heuristic is meant to leave them. */
const ENOUGH_LINKS = 3;
const ENOUGH_IN_STARS = 16;
/** Data of one scale leaves one node in twenty with fewer links to it than this, lengths that differ by factors leave four in five. */
const FEW_LINKS = 6;
const STARS_SHARE = 0.2;
/** Width of the searches: narrower than any that a client asks for. */
const WIDTH = 24;
const WIDTH_IN_STARS = 32;
/** Places of the found among which a free one is looked for. */
const TRIED_NODES = 4;
/** Nodes that one task looks at, some tens of milliseconds where all are searched for. */
export const MENDED_NODES = 2048;

/** A task over the lists of layer 0. Links to each node are counted where the order of nodes will be written later. */
export function graphCountLinks({ place, nodes }: CountLinksInput, context: BuildContext): MendPlan {
  const { degree, layout } = place;
  const [, memory] = memoriesOf(context);
  const counts = new Uint32Array(memory.buffer, layout.inverse, nodes).fill(0);
  for (const link of new Uint32Array(memory.buffer, layout.links, nodes * degree * 2)) {
    if (link < nodes) counts[link] = (counts[link] as number) + 1;
  }
  let few = 0;
  for (const count of counts) if (count < FEW_LINKS) few++;
  const areStars = few > nodes * STARS_SHARE;
  return {
    few: few / Math.max(1, nodes),
    areStars,
    enough: areStars ? Math.min(ENOUGH_IN_STARS, degree) : ENOUGH_LINKS,
  };
}

/**
 * A task over the finished lists of layer 0, by the codes that the graph was made by; one at a time, after `graphCountLinks`. Not for inner
 * products, where a row is not its own nearest. @returns how many nodes got links
 */
export function graphMend(input: MendInput, context: BuildContext): number {
  const lists = new MendedLists(input, context);
  let mended = 0;
  for (let node = input.begin; node < input.end; node++) if (lists.mend(node)) mended++;
  return mended;
}

class MendedLists {
  readonly #input: MendInput;
  readonly #length: number;
  readonly #links: Uint32Array;
  /** Distances of links, which a later insertion prunes by. */
  readonly #keys: Uint32Array;
  readonly #counts: Uint32Array;
  /** Nodes and keys that a search found, two words each. */
  readonly #pool: Uint32Array;
  readonly #search: (node: number) => number;

  constructor(input: MendInput, context: BuildContext) {
    const { place, nodes, plan } = input;
    const { dim, degree, layout, by } = place;
    const [, memory] = memoriesOf(context);
    const kernel = buildKernel(place, context);
    const width = Math.min(plan.areStars ? WIDTH_IN_STARS : WIDTH, nodes);
    const at = layout.work + layout.workBytes * context.thread;
    const work = workLayout(place.nodes, dim, degree);
    const query = new Int16Array(memory.buffer, at + work.query, layout.codeStride);
    this.#input = input;
    this.#length = degree * 2;
    this.#links = new Uint32Array(memory.buffer, layout.links, nodes * this.#length);
    this.#keys = new Uint32Array(memory.buffer, layout.linkKeys, nodes * this.#length);
    this.#counts = new Uint32Array(memory.buffer, layout.inverse, nodes);
    this.#pool = new Uint32Array(memory.buffer, at + work.pool, 2 * width);
    this.#search = (node) => {
      const code = layout.codes + node * layout.codeStride;
      if (by === 'FP32') return kernel.search(code, width);
      query.set(new Int8Array(memory.buffer, code, layout.codeStride));
      return kernel.search(at + work.query, width);
    };
  }

  /** @returns whether there is a link more to it */
  mend(node: number): boolean {
    const { enough, areStars } = this.#input.plan;
    const before = this.#counts[node] as number;
    if (before >= enough) return false;
    const count = this.#search(node);
    const isFound = this.#isFound(node, count);
    if (isFound && !areStars) return false;
    const wanted = areStars ? enough : before + 1;
    const tried = Math.min(count, areStars ? count : TRIED_NODES);
    for (let i = 0; i < tried && (this.#counts[node] as number) < wanted; i++)
      if (this.#foundAt(i) !== node) this.#linkFrom(i, node);
    if (this.#counts[node] === before && !isFound && count > 0) this.#replaceIn(0, node);
    return this.#counts[node] !== before;
  }

  #foundAt(i: number): number {
    return (this.#pool[2 * i] as number) >>> 1;
  }

  #isFound(node: number, count: number): boolean {
    for (let i = 0; i < count; i++) if (this.#foundAt(i) === node) return true;
    return false;
  }

  /** Unless the list is full, or has the link. */
  #linkFrom(i: number, node: number): void {
    const begin = this.#foundAt(i) * this.#length;
    for (let at = begin; at < begin + this.#length; at++) {
      const other = this.#links[at] as number;
      if (other === node) return;
      if (other === NIL) {
        this.#write(at, i, node);
        return;
      }
    }
  }

  /** Puts a node in place of the one in the list that most others link to. */
  #replaceIn(i: number, node: number): void {
    const begin = this.#foundAt(i) * this.#length;
    let most = begin;
    for (let at = begin + 1; at < begin + this.#length; at++) {
      if (this.#countAt(at) > this.#countAt(most)) most = at;
    }
    const other = this.#links[most] as number;
    this.#counts[other] = this.#countAt(most) - 1;
    this.#write(most, i, node);
  }

  #countAt(at: number): number {
    return this.#counts[this.#links[at] as number] ?? 0;
  }

  /** The key before the link: who reads the link may read its key. */
  #write(at: number, i: number, node: number): void {
    this.#keys[at] = this.#pool[2 * i + 1] as number;
    this.#links[at] = node;
    this.#counts[node] = (this.#counts[node] as number) + 1;
  }
}
