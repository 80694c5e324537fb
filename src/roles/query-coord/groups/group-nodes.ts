// Which query-node belongs to which resource group. Pure: the same groups and nodes give the same places, so nothing of it is kept.
import type { ResourceGroupConfig } from '#proto/milvus/rg.js';

export interface ResourceGroup {
  readonly name: string;
  readonly config: ResourceGroupConfig;
  /** A timestamp: groups are served in the order of their creation. */
  readonly created: bigint;
}

export const requestsOf = ({ config }: ResourceGroup): number => config.requests?.nodeNum ?? 0;
export const limitsOf = ({ config }: ResourceGroup): number => config.limits?.nodeNum ?? 0;

/** No query-node has labels, so a group that asks for one gets none. */
const takesNodes = ({ config }: ResourceGroup): boolean => (config.nodeFilter?.nodeLabels ?? []).length === 0;

/**
 * Each group first gets what it requests, in the order of creation; what is left goes to `spare` up to its limits, then to the others up to
 * theirs, and what nobody may have stays with `spare`.
 * @param groups with `spare` among them
 * @param spare the name of the group that has the nodes nobody requests
 */
export function placeNodes(
  groups: readonly ResourceGroup[],
  nodes: readonly bigint[],
  spare: string,
): ReadonlyMap<string, readonly bigint[]> {
  const places = new Map<string, bigint[]>(groups.map(({ name }) => [name, []]));
  const free = [...nodes].sort((a, b) => (a < b ? -1 : 1));
  const inOrder = [...groups].sort(
    (a, b) => Number(b.name === spare) - Number(a.name === spare) || (a.created < b.created ? -1 : 1),
  );
  const fill = (group: ResourceGroup, count: number): void => {
    if (!takesNodes(group)) return;
    const held = places.get(group.name) ?? [];
    while (held.length < count && free.length > 0) held.push(...free.splice(0, 1));
  };
  for (const group of inOrder) fill(group, requestsOf(group));
  for (const group of inOrder) fill(group, limitsOf(group));
  places.get(spare)?.push(...free);
  return places;
}
