// The last look at a graph before its order is made: nodes that few others link to are searched for, and get a link from where the search
// ended when it did not end at them. Rows far from all others lose the links to them one by one, as nearer rows come to those that had them.
import { NIL, workLayout } from './graph-layout.js';
import { type BuildContext, type BuildPlace, buildKernel, memoriesOf } from './graph-tasks.js';

/** Nodes with as many links to them are found in practice. */
const ENOUGH_LINKS = 3;
/** Width of the searches: narrower than any that a client asks for. */
const WIDTH = 24;
/** Places of the found among which a free one is looked for. */
const TRIED_NODES = 4;

/** A task over the finished lists of layer 0, by the codes that the graph was made by; not for inner products, where a row is not its own nearest. */
export function graphMend(place: BuildPlace, context: BuildContext): number {
  const [, memory] = memoriesOf(context);
  const { nodes, dim, degree, layout, by } = place;
  const kernel = buildKernel(place, context);
  const length = degree * 2;
  const links = new Uint32Array(memory.buffer, layout.links, nodes * length);
  const degrees = new Uint32Array(nodes);
  for (const link of links) if (link !== NIL) degrees[link] = (degrees[link] as number) + 1;
  const at = layout.work + layout.workBytes * context.thread;
  const work = workLayout(nodes, dim, degree);
  const pool = new Uint32Array(memory.buffer, at + work.pool, 2 * WIDTH);
  const query = new Int16Array(memory.buffer, at + work.query, layout.codeStride);
  const addressOf = (node: number): number => {
    const code = layout.codes + node * layout.codeStride;
    if (by === 'FP32') return code;
    query.set(new Int8Array(memory.buffer, code, layout.codeStride));
    return at + work.query;
  };
  const linkTo = (node: number, from: number): boolean => {
    for (let j = from * length; j < (from + 1) * length; j++) {
      const other = links[j] as number;
      if (other === NIL) {
        links[j] = node;
        return true;
      }
    }
    return false;
  };
  const replace = (node: number, from: number): void => {
    let most = from * length;
    for (let j = most + 1; j < (from + 1) * length; j++) {
      if ((degrees[links[j] as number] as number) > (degrees[links[most] as number] as number)) most = j;
    }
    const other = links[most] as number;
    degrees[other] = (degrees[other] as number) - 1;
    links[most] = node;
  };
  let mended = 0;
  for (let node = 0; node < nodes; node++) {
    if ((degrees[node] as number) >= ENOUGH_LINKS) continue;
    const count = kernel.search(addressOf(node), Math.min(WIDTH, nodes));
    const found = Array.from({ length: count }, (_, i) => (pool[2 * i] as number) >>> 1);
    if (count === 0 || found.includes(node)) continue;
    const isLinked = found.slice(0, TRIED_NODES).some((from) => linkTo(node, from));
    if (!isLinked) replace(node, found[0] as number);
    degrees[node] = (degrees[node] as number) + 1;
    mended++;
  }
  return mended;
}
