// A declared collection on a server: everything that can be done with it, typed by its declaration.

import { WriteCalls } from '#client/calls/write-calls.js';
import type { Declaration } from '#client/schema/collection.js';
import type { Fields } from '#client/schema/row-types.js';
import type { Caller, CallOptions } from './caller.js';

/** Other names of the collection. */
export interface Aliases {
  create(alias: string, options?: CallOptions): Promise<void>;
  /** Lets an alias that is there stand for this collection from now on. */
  move(alias: string, options?: CallOptions): Promise<void>;
  drop(alias: string, options?: CallOptions): Promise<void>;
  list(options?: CallOptions): Promise<string[]>;
}

export interface Partitions {
  create(partition: string, options?: CallOptions): Promise<void>;
  drop(partition: string, options?: CallOptions): Promise<void>;
  list(options?: CallOptions): Promise<string[]>;
  load(partitions: readonly string[], options?: CallOptions): Promise<void>;
  release(partitions: readonly string[], options?: CallOptions): Promise<void>;
}

export class TypedCollection<F extends Fields, Dynamic extends boolean> extends WriteCalls<F, Dynamic> {
  readonly aliases: Aliases;
  readonly partitions: Partitions;

  constructor(caller: Caller, declaration: Declaration<F, Dynamic>) {
    super(caller, declaration);
    this.aliases = aliasesOf(caller, declaration.name);
    this.partitions = partitionsOf(caller, declaration.name, (names, options) =>
      this.awaitLoaded(names, options),
    );
  }
}

export const aliasesOf = (caller: Caller, collectionName: string): Aliases => ({
  create: async (alias, options) => {
    await caller.call('createAlias', { collectionName, alias }, options);
  },
  move: async (alias, options) => {
    await caller.call('alterAlias', { collectionName, alias }, options);
  },
  drop: async (alias, options) => {
    await caller.call('dropAlias', { alias }, options);
  },
  list: async (options) => (await caller.call('listAliases', { collectionName }, options)).aliases,
});

export const partitionsOf = (
  caller: Caller,
  collectionName: string,
  awaitLoaded: (names: readonly string[], options: CallOptions) => Promise<void>,
): Partitions => ({
  create: async (partitionName, options) => {
    await caller.call('createPartition', { collectionName, partitionName }, options);
  },
  drop: async (partitionName, options) => {
    await caller.call('dropPartition', { collectionName, partitionName }, options);
  },
  list: async (options) => (await caller.call('showPartitions', { collectionName }, options)).partitionNames,
  load: async (names, options = {}) => {
    const request = { collectionName, partitionNames: [...names], replicaNumber: 1 };
    await caller.call('loadPartitions', request, options);
    await awaitLoaded(names, options);
  },
  release: async (names, options) => {
    await caller.call('releasePartitions', { collectionName, partitionNames: [...names] }, options);
  },
});
