// The calls of the client that changes names and rights, over the simulated network.
import { ElanusError } from '#base/errors.js';
import type { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import type { CallContext } from '#platform/transport.js';
import { MilvusServiceDefinition, OperatePrivilegeType } from '#proto/milvus/milvus.js';
import type { Client } from '#rpc/service.js';
import { schemaBytes } from './rows.js';
import { callContext, serviceAt } from './service-calls.js';

export class NamesClient {
  readonly #network: SimulatedNetwork;
  readonly #service: Client<typeof MilvusServiceDefinition>;

  constructor(network: SimulatedNetwork, address: string) {
    this.#network = network;
    this.#service = serviceAt(network, address, MilvusServiceDefinition);
  }

  #context(): CallContext {
    return callContext(this.#network);
  }

  async create(collectionName: string): Promise<void> {
    const schema = schemaBytes({ name: collectionName, shards: 1, metric: 'L2', partitions: 'none' });
    await this.#service.createCollection({ collectionName, schema, shardsNum: 1 }, this.#context());
  }

  async drop(collectionName: string): Promise<void> {
    await this.#service.dropCollection({ collectionName }, this.#context());
  }

  async rename(oldName: string, newName: string): Promise<void> {
    await this.#service.renameCollection({ oldName, newName }, this.#context());
  }

  async createAlias(collectionName: string, alias: string): Promise<void> {
    await this.#service.createAlias({ collectionName, alias }, this.#context());
  }

  async alterAlias(collectionName: string, alias: string): Promise<void> {
    await this.#service.alterAlias({ collectionName, alias }, this.#context());
  }

  async dropAlias(alias: string): Promise<void> {
    await this.#service.dropAlias({ alias }, this.#context());
  }

  /** The id of a collection, by its name or an alias; undefined: nothing has the name. */
  async idOf(collectionName: string): Promise<bigint | undefined> {
    try {
      return (await this.#service.describeCollection({ collectionName }, this.#context())).collectionID;
    } catch (error) {
      if (error instanceof ElanusError && error.key === 'collection_not_found') return undefined;
      throw error;
    }
  }

  async createRole(name: string): Promise<void> {
    await this.#service.createRole({ entity: { name } }, this.#context());
  }

  async dropRole(roleName: string): Promise<void> {
    await this.#service.dropRole({ roleName, forceDrop: true }, this.#context());
  }

  async operate(role: string, privilege: string, collectionName: string, takes: boolean): Promise<void> {
    const type = takes ? OperatePrivilegeType.Revoke : OperatePrivilegeType.Grant;
    const grantor = { privilege: { name: privilege } };
    await this.#service.operatePrivilegeV2(
      { role: { name: role }, grantor, type, dbName: 'default', collectionName },
      this.#context(),
    );
  }

  async roles(): Promise<string[]> {
    const { results } = await this.#service.selectRole({}, this.#context());
    return results.map(({ role }) => role?.name ?? '');
  }

  /** As `privilege name`. */
  async grantsOf(role: string): Promise<string[]> {
    const { entities } = await this.#service.selectGrant(
      { entity: { role: { name: role } } },
      this.#context(),
    );
    return entities.map(({ grantor, objectName }) => `${grantor?.privilege?.name} ${objectName}`);
  }
}
