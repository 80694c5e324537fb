// The order of a finished graph's nodes in memory. A walk reads what lies anywhere in tens or hundreds of megabytes, and what that costs is
// cache lines and pages: nodes that a walk visits together are put side by side.
import { NIL } from '#index/graph/nodes/graph-layout.js';
import { type BuildContext, type BuildPlace, memoriesOf } from './graph-tasks.js';

export interface OrderInput {
  readonly place: BuildPlace;
  readonly isOrdered: boolean;
}

export interface OrderOutput {
  /** See `nearestOf`. */
  readonly nearest: number;
  /** Nodes of upper layers. */
  readonly upperNodes: number;
}

/** Writes the final lists: relabelled in their order in memory (nodes of upper layers come first then), or as they are. */
export function graphOrder({ place, isOrdered }: OrderInput, context: BuildContext): OrderOutput {
  const [, memory] = memoriesOf(context);
  const { nodes, degree, layout } = place;
  const nearest = place.by === 'SQ8' ? nearestOf(memory, place) : Number.POSITIVE_INFINITY;
  const words = (offset: number, count: number): Uint32Array => new Uint32Array(memory.buffer, offset, count);
  const links = words(layout.links, nodes * degree * 2);
  const header = words(layout.header, 4);
  const order = words(layout.order, nodes);
  const inverse = words(layout.inverse, nodes);
  const levels = new Uint8Array(memory.buffer, layout.levels, nodes);
  if (nodes > 0) connect(links, degree * 2, nodes, header[0] as number, order);
  if (isOrdered) upperFirst(pack(links, degree * 2, order), levels, order);
  else for (let i = 0; i < nodes; i++) order[i] = i;
  for (let i = 0; i < nodes; i++) inverse[order[i] as number] = i;
  const relabel = (
    from: Uint32Array,
    fromAt: number,
    to: Uint32Array,
    toAt: number,
    length: number,
  ): void => {
    for (let j = 0; j < length; j++) {
      const node = from[fromAt + j] as number;
      to[toAt + j] = node === NIL ? NIL : (inverse[node] as number);
    }
  };
  // The keys of links end here: the final links take their place.
  const finalLinks = words(layout.finalLinks, nodes * degree * 2);
  const [upper, upperOf, rows] = [
    words(layout.upper, layout.upperBytes / 4),
    words(layout.upperOf, nodes),
    words(layout.rows, nodes),
  ];
  const finalUpper = words(layout.finalUpper, layout.upperBytes / 4);
  const finalUpperOf = words(layout.finalUpperOf, nodes);
  const finalRows = words(layout.finalRows, nodes);
  let list = 0;
  for (let i = 0; i < nodes; i++) {
    const node = order[i] as number;
    relabel(links, node * degree * 2, finalLinks, i * degree * 2, degree * 2);
    finalUpperOf[i] = list;
    finalRows[i] = rows[node] as number;
    for (let l = 0; l < (levels[node] as number); l++) {
      relabel(upper, ((upperOf[node] as number) + l) * degree, finalUpper, list * degree, degree);
      list++;
    }
  }
  if (nodes > 0) header[0] = inverse[header[0] as number] as number;
  header[2] = 0;
  return { nearest, upperNodes: levels.reduce((count, level) => count + (level > 0 ? 1 : 0), 0) };
}

/**
 * The nodes breadth-first from the entry, to `order`. A node that this does not reach (inner products and many equal vectors leave such) gets a link from a
 * reached node near to it that has room for one.
 */
function connect(links: Uint32Array, length: number, nodes: number, entry: number, order: Uint32Array): void {
  const seen = new Uint8Array(nodes);
  let count = 0;
  let next = 0;
  let head = 0;
  const push = (node: number): void => {
    if (seen[node] === 1) return;
    seen[node] = 1;
    order[count++] = node;
  };
  const adopt = (node: number, from: number, hops: number): boolean => {
    for (let j = from * length; j < (from + 1) * length; j++) {
      const near = links[j] as number;
      if (near === NIL) break;
      if (seen[near] === 1 && near !== node) {
        const last = (near + 1) * length - 1;
        if (links[last] === NIL) {
          let free = last;
          while (free > near * length && links[free - 1] === NIL) free--;
          links[free] = node;
          return true;
        }
      }
      if (hops > 1 && adopt(node, near, hops - 1)) return true;
    }
    return false;
  };
  push(entry);
  while (count < nodes) {
    if (head === count) {
      while (seen[next] === 1) next++;
      adopt(next, next, 3);
      push(next);
    }
    const node = order[head++] as number;
    for (let j = node * length; j < (node + 1) * length; j++) {
      const neighbour = links[j] as number;
      if (neighbour === NIL) break;
      push(neighbour);
    }
  }
}

/** Nodes that are put side by side: about what fits a page of memory by its codes. */
const BLOCK_NODES = 32;
/**
 * Puts nodes together in blocks: a block begins with the first node of `order` that has no place yet, and takes in turn the node that most
 * links of the block lead to, near links counting more (as Starling packs the pages of a disk index, Wang et al. 2024). Walks touch fewer
 * pages than in breadth-first order.
 */
function pack(links: Uint32Array, length: number, order: Uint32Array): Uint32Array {
  const nodes = order.length;
  const packed = new Uint32Array(nodes);
  const isPlaced = new Uint8Array(nodes);
  const gains = new Uint32Array(nodes);
  const candidates = new Uint32Array(BLOCK_NODES * length);
  let count = 0;
  let found = 0;
  const place = (node: number): void => {
    packed[count++] = node;
    isPlaced[node] = 1;
    for (let j = 0; j < length; j++) {
      const other = links[node * length + j] as number;
      if (other === NIL) break;
      if (isPlaced[other] === 1) continue;
      if (gains[other] === 0) candidates[found++] = other;
      gains[other] = (gains[other] as number) + 3 * length - j;
    }
  };
  for (const first of order) {
    if (isPlaced[first] === 1) continue;
    place(first);
    for (const end = Math.min(nodes, count + BLOCK_NODES - 1); count < end && found > 0; ) {
      let best = 0;
      for (let i = 1; i < found; i++)
        if ((gains[candidates[i] as number] as number) > (gains[candidates[best] as number] as number))
          best = i;
      const node = candidates[best] as number;
      candidates[best] = candidates[--found] as number;
      gains[node] = 0;
      place(node);
    }
    for (let i = 0; i < found; i++) gains[candidates[i] as number] = 0;
    found = 0;
  }
  return packed;
}

/** The nodes of `from` by falling level: every search begins in the few of the upper layers, whose codes stay in the caches together. */
function upperFirst(from: Uint32Array, levels: Uint8Array, to: Uint32Array): void {
  let count = 0;
  const top = levels.reduce((most, level) => Math.max(most, level), 0);
  for (let level = top; level > 0; level--)
    for (const node of from) if (levels[node] === level) to[count++] = node;
  for (const node of from) if (levels[node] === 0) to[count++] = node;
}

/** The median over some nodes of the distance to the nearest of their first links, in units of the 8-bit codes. */
function nearestOf(memory: WebAssembly.Memory, { nodes, dim, degree, layout }: BuildPlace): number {
  const links = new Uint32Array(memory.buffer, layout.links, nodes * degree * 2);
  const codes = new Int8Array(memory.buffer, layout.codes, nodes * layout.codeStride);
  const count = Math.min(nodes, NEAREST_NODES);
  const distances = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < count; i++) {
    const node = Math.floor((i * nodes) / count);
    for (let j = 0; j < Math.min(NEAREST_LINKS, degree * 2); j++) {
      const other = links[node * degree * 2 + j] as number;
      if (other === NIL) break;
      let sum = 0;
      for (let d = 0; d < dim; d++) {
        const difference =
          (codes[node * layout.codeStride + d] as number) - (codes[other * layout.codeStride + d] as number);
        sum += difference * difference;
      }
      distances[i] = Math.min(distances[i] as number, sum);
    }
  }
  const found = distances.filter(Number.isFinite).sort();
  return found.length === 0 ? Number.POSITIVE_INFINITY : Math.sqrt(found[found.length >> 1] as number);
}

const NEAREST_NODES = 1000;
const NEAREST_LINKS = 8;
