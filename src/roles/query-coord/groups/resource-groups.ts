// Resource groups: which query-nodes serve which collections. One record for each group beside the default one, which has a record only once
// it was changed. A change is one transaction, so a crash leaves all of it or nothing; which node is where follows from the records.
import { Mutex } from '#base/async.js';
import { ElanusError } from '#base/errors.js';
import { commitChanges, HeldRecords, redeciding } from '#catalog/held-records.js';
import { recordTable } from '#catalog/record-table.js';
import { DEFAULT_RESOURCE_GROUP } from '#model/schema/properties.js';
import type { MetaStore } from '#platform/meta-store.js';
import { ResourceGroupRecord } from '#proto/elanus/data.js';
import { ResourceGroupConfig } from '#proto/milvus/rg.js';
import type { RoleNode } from '#rpc/role-nodes.js';
import type { Receipt } from '#rpc/sessions/receipts.js';
import {
  capacityOf,
  checkedConfig,
  checkGroupName,
  defaultGroup,
  isSameConfig,
  RESOURCE_GROUPS_MAX,
} from './group-config.js';
import { limitsOf, placeNodes, type ResourceGroup, requestsOf } from './group-nodes.js';

/** A loaded collection, as far as groups are concerned. */
export interface GroupedLoad {
  readonly collectionId: bigint;
  readonly resourceGroup: string;
  /** Who serves it now. */
  readonly nodes: readonly bigint[];
}

interface NodeTransfer {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

export interface GroupSources {
  readonly store: MetaStore;
  readonly queryNodes: () => readonly RoleNode[];
  readonly loads: () => readonly GroupedLoad[];
  readonly nameOf: (collectionId: bigint) => Promise<string>;
  readonly allocTimestamp: () => Promise<bigint>;
  /** Called after nodes may have gone to other groups. */
  readonly onMoved: () => void;
}

export class ResourceGroups {
  readonly #sources: GroupSources;
  readonly #records: HeldRecords<string, ResourceGroupRecord>;
  /** Held over one decision and its transaction. */
  readonly #deciding = new Mutex();

  constructor(sources: GroupSources) {
    this.#sources = sources;
    const table = recordTable(sources.store, 'querycoord-resource-group/', ResourceGroupRecord);
    this.#records = new HeldRecords(
      table,
      (name) => name,
      ({ name }) => name,
    );
  }

  load(): Promise<void> {
    return this.#records.load();
  }

  /** Those of the group; while it has none, whoever is there goes on serving. */
  servingNodes(name: string): readonly bigint[] {
    const own = this.nodesOf(name);
    return own.length > 0 ? own : this.#sources.queryNodes().map(({ serverId }) => serverId);
  }

  /** The query-nodes of a group; none when nodes are fewer than what is requested. */
  nodesOf(name: string): readonly bigint[] {
    return this.#places().get(name) ?? [];
  }

  /**
   * Runs a decision that puts a collection into a group: the group is there, has nodes, and is not dropped meanwhile.
   * @param name empty: none is named, there is nothing to check
   */
  serving<T>(name: string, decide: () => Promise<T>): Promise<T> {
    if (name === '' || name === DEFAULT_RESOURCE_GROUP) return decide();
    return this.#deciding.run(async () => {
      this.#checkServes(name);
      return decide();
    });
  }

  /** @throws resource_group_not_found */
  checkKnown(name: string): void {
    this.#group(name);
  }

  /** @throws resource_group_not_found, resource_group_nodes */
  #checkServes(name: string): void {
    const group = this.#group(name);
    // No query-node has answered yet: the default group is where they will be.
    if (group.name !== DEFAULT_RESOURCE_GROUP && this.nodesOf(name).length === 0)
      throw new ElanusError(
        'resource_group_nodes',
        `resource group node not enough[rg=${name}]: it has no query node; give it one with requests and limits, or TransferNode`,
      );
  }

  names(): string[] {
    return this.#groups().map((group) => group.name);
  }

  create(name: string, sent: ResourceGroupConfig | undefined, receipt: Receipt): Promise<void> {
    checkGroupName(name);
    return this.#change(receipt, async () => {
      const config = checkedConfig(name, sent, (other) => this.#find(other) !== undefined);
      const before = this.#find(name);
      if (before !== undefined) {
        if (isSameConfig(before.config, config)) return [];
        throw new ElanusError(
          'resource_group_exists',
          `resource group already exist, but create with different config[rg=${name}]; use UpdateResourceGroups`,
        );
      }
      if (this.#count() >= RESOURCE_GROUPS_MAX)
        throw new ElanusError(
          'resource_group_limit',
          `resource group num reach limit ${RESOURCE_GROUPS_MAX}[rg=${name}]; drop one first`,
        );
      return [{ name, config, created: await this.#sources.allocTimestamp() }];
    });
  }

  /** All or none of them. */
  update(configs: Readonly<Record<string, ResourceGroupConfig>>, receipt: Receipt): Promise<void> {
    return this.#change(receipt, async () =>
      Object.entries(configs).map(([name, sent]) => {
        const group = this.#group(name);
        return { ...group, config: checkedConfig(name, sent, (other) => this.#find(other) !== undefined) };
      }),
    );
  }

  drop(name: string, receipt: Receipt): Promise<void> {
    return this.#deciding.run(() =>
      redeciding(async () => {
        if (this.#find(name) === undefined) return;
        this.#checkDeletable(name);
        await commitChanges(this.#sources.store, [this.#records.remove(name), ...receipt()]);
        this.#sources.onMoved();
      }),
    );
  }

  /** Moves requests and limits, as Milvus does, and with them the nodes. */
  transferNode({ from, to, count }: NodeTransfer, receipt: Receipt): Promise<void> {
    return this.#change(receipt, async () => {
      const [source, target] = [this.#group(from), this.#group(to)];
      if (from === to)
        throw new ElanusError(
          'invalid_parameter',
          `source resource group and target resource group should not be the same[rg=${from}]: invalid parameter`,
        );
      if (count < 1)
        throw new ElanusError(
          'invalid_parameter',
          `transfer node num can't be [${count}]; send 1 or more: invalid parameter`,
        );
      const held = this.nodesOf(from).length;
      if (held < count)
        throw new ElanusError(
          'resource_group_nodes',
          `resource group node not enough[rg=${from}][expected=${count}][actual=${held}]`,
        );
      return [moved(source, -count), moved(target, count)];
    });
  }

  async describe(name: string) {
    const group = this.#group(name);
    const own = new Set(this.nodesOf(name));
    const loads = this.#sources.loads();
    const counted = async (countOf: (load: GroupedLoad) => number): Promise<Record<string, number>> => {
      const counts: Record<string, number> = Object.create(null);
      for (const load of loads) {
        const count = countOf(load);
        if (count > 0) counts[await this.#sources.nameOf(load.collectionId)] = count;
      }
      return counts;
    };
    const isHere = (load: GroupedLoad): boolean => load.resourceGroup === name;
    return {
      name,
      capacity: capacityOf(group),
      numAvailableNode: own.size,
      numLoadedReplica: await counted((load) => (isHere(load) ? 1 : 0)),
      numOutgoingNode: await counted((load) =>
        isHere(load) ? 0 : load.nodes.filter((node) => own.has(node)).length,
      ),
      numIncomingNode: await counted((load) =>
        isHere(load) ? load.nodes.filter((node) => !own.has(node)).length : 0,
      ),
      config: group.config,
      nodes: this.#sources
        .queryNodes()
        .filter(({ serverId }) => own.has(serverId))
        .map(({ serverId, address }) => ({ nodeId: serverId, address: address ?? '', hostname: '' })),
    };
  }

  #count(): number {
    const { records } = this.#records;
    return records.size + (records.has(DEFAULT_RESOURCE_GROUP) ? 0 : 1);
  }

  #groups(): readonly ResourceGroup[] {
    const kept = [...this.#records.records.values()].map(groupOf);
    const groups = kept.some(({ name }) => name === DEFAULT_RESOURCE_GROUP) ? kept : [defaultGroup, ...kept];
    return groups.sort((a, b) => (a.created < b.created ? -1 : 1));
  }

  #find(name: string): ResourceGroup | undefined {
    const record = this.#records.records.get(name);
    if (record !== undefined) return groupOf(record);
    return name === DEFAULT_RESOURCE_GROUP ? defaultGroup : undefined;
  }

  #group(name: string): ResourceGroup {
    const group = this.#find(name);
    if (group === undefined)
      throw new ElanusError(
        'resource_group_not_found',
        `resource group not found[rg=${name.slice(0, 256)}]; ListResourceGroups has those there are`,
      );
    return group;
  }

  #places(): ReadonlyMap<string, readonly bigint[]> {
    const nodes = this.#sources.queryNodes().map(({ serverId }) => serverId);
    return placeNodes(this.#groups(), nodes, DEFAULT_RESOURCE_GROUP);
  }

  #checkDeletable(name: string): void {
    const refuse = (text: string): never => {
      throw new ElanusError('invalid_parameter', `${text}[rg=${name}]: invalid parameter`);
    };
    if (name === DEFAULT_RESOURCE_GROUP) refuse('default resource group is not deletable');
    if (limitsOf(this.#group(name)) !== 0)
      refuse("resource group's limits node num is not 0; update it to requests 0 and limits 0 first");
    if (this.#sources.loads().some((load) => load.resourceGroup === name))
      refuse('some replicas still loaded in resource group, release them or TransferReplica first');
    const user = this.#groups().find(({ config }) =>
      [...config.transferFrom, ...config.transferTo].some(({ resourceGroup }) => resourceGroup === name),
    );
    if (user !== undefined)
      refuse(`resource group is used by ${user.name}'s transfer_from or transfer_to, remove it there first`);
  }

  #change(receipt: Receipt, decide: () => Promise<readonly ResourceGroup[]>): Promise<void> {
    return this.#deciding.run(() =>
      redeciding(async () => {
        const groups = await decide();
        if (groups.length === 0) return;
        const changes = groups.map((group) => this.#records.put(group));
        await commitChanges(this.#sources.store, [...changes, ...receipt()]);
        this.#sources.onMoved();
      }),
    );
  }
}

/** One for each record: there are up to a thousand, and all of them are looked at whenever nodes are placed. */
const groups = new WeakMap<ResourceGroupRecord, ResourceGroup>();

function groupOf(record: ResourceGroupRecord): ResourceGroup {
  const known = groups.get(record);
  if (known !== undefined) return known;
  const { name, config, created } = record;
  const group = { name, config: ResourceGroupConfig.fromPartial(config ?? {}), created };
  groups.set(record, group);
  return group;
}

/** The default group has room for all: only what it requests changes, and never below nothing. */
function moved(group: ResourceGroup, by: number): ResourceGroup {
  if (group.name === DEFAULT_RESOURCE_GROUP) return group;
  const requests = Math.max(0, requestsOf(group) + by);
  const limits = Math.max(requests, limitsOf(group) + by);
  return {
    ...group,
    config: { ...group.config, requests: { nodeNum: requests }, limits: { nodeNum: limits } },
  };
}
