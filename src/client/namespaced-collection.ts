// A declared collection with namespaces. What it is can be made and changed here; its rows are reached through a namespace alone, so a call
// that forgets to say whose rows it is about does not compile.
import { DefinitionCalls } from '#client/calls/definition-calls.js';
import { WriteCalls } from '#client/calls/write-calls.js';
import type { AnyDeclaration } from '#client/schema/collection.js';
import type { Fields } from '#client/schema/row-types.js';
import type { Caller, CallOptions } from './caller.js';
import { type Aliases, aliasesOf, partitionsOf } from './typed-collection.js';

/** Writes and reads of the rows of one namespace. They meet no others. */
export type NamespaceRows<F extends Fields, Dynamic extends boolean> = Pick<
  WriteCalls<F, Dynamic>,
  | 'insert'
  | 'upsert'
  | 'update'
  | 'delete'
  | 'get'
  | 'getMany'
  | 'query'
  | 'count'
  | 'scan'
  | 'search'
  | 'searchMany'
  | 'searchByIds'
  | 'hybrid'
  | 'searchPages'
>;

export class NamespacedCollection<F extends Fields, Dynamic extends boolean> extends DefinitionCalls<
  F,
  Dynamic
> {
  readonly aliases: Aliases;

  constructor(caller: Caller, declaration: AnyDeclaration<F, Dynamic>) {
    super(caller, declaration);
    this.aliases = aliasesOf(caller, declaration.name);
  }

  /** The rows of one namespace; nothing is sent. */
  namespace(name: string): NamespaceRows<F, Dynamic> {
    return new WriteCalls(this.caller, this.declaration, name);
  }
}

/** Namespaces that are partitions. */
export interface Namespaces {
  /** One that is there already stays as it is. */
  create(namespace: string, options?: CallOptions): Promise<void>;
  /** Drops it with its rows; nothing happens when it is not there. It has to be released before. */
  drop(namespace: string, options?: CallOptions): Promise<void>;
  exists(namespace: string, options?: CallOptions): Promise<boolean>;
  /** Names in their order. */
  list(options?: CallOptions): Promise<string[]>;
  load(namespaces: readonly string[], options?: CallOptions): Promise<void>;
  release(namespaces: readonly string[], options?: CallOptions): Promise<void>;
}

/** A collection whose namespaces are made before they have rows. */
export class PartitionedNamespaces<F extends Fields, Dynamic extends boolean> extends NamespacedCollection<
  F,
  Dynamic
> {
  readonly namespaces: Namespaces;

  constructor(caller: Caller, declaration: AnyDeclaration<F, Dynamic>) {
    super(caller, declaration);
    const { load, drop, release } = partitionsOf(caller, declaration.name, (names, options) =>
      this.awaitLoaded(names, options),
    );
    // Dropped as a partition: where the answer was lost and the call is made again, nothing is left to drop, and that is no error.
    this.namespaces = { ...namespacesOf(caller, declaration.name), drop, load, release };
  }
}

const namespacesOf = (
  caller: Caller,
  collectionName: string,
): Pick<Namespaces, 'create' | 'exists' | 'list'> => ({
  create: async (namespaceName, options) => {
    await caller.call('createNamespace', { collectionName, namespaceName }, options);
  },
  exists: async (namespaceName, options) =>
    (await caller.call('hasNamespace', { collectionName, namespaceName }, options)).value,
  list: async (options) => {
    const names: string[] = [];
    let pageToken = '';
    do {
      const page = await caller.call('listNamespaces', { collectionName, pageToken }, options);
      for (const { namespaceName } of page.namespaces) names.push(namespaceName);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return names;
  },
});
