// Sees to it that every flushed segment has the indexes its collection defines. Level-triggered: each round compares what should be
// with what is, so a lost notice only costs one interval. Uses three of the six DataCoord calls, then hands the build to a data-node.

import { assertNever } from '#base/assert.js';
import { Mutex } from '#base/async.js';
import { ElanusError, messageOf } from '#base/errors.js';
import { describeBuilds, SCANNED } from '#index/graph/codes/built-as.js';
import { isCreated } from '#model/states/collection.js';
import { finishedFile } from '#model/states/index-file.js';
import { type IndexProgress, indexProgress } from '#model/states/index-progress.js';
import { ALL_PARTITIONS } from '#model/states/segment.js';
import type { Platform } from '#platform/platform.js';
import type { Timer } from '#platform/time.js';
import type { CollectionRecord, IndexRecord, SegmentRecord } from '#proto/elanus/data.js';
import type {
  ChannelRegistryDefinition,
  DataNodeDefinition,
  ExplainRequest,
  QueryCoordDefinition,
} from '#proto/elanus/roles.js';
import { IndexState } from '#proto/milvus/common.js';
import { IndexFailures } from '#roles/root-coord/indexes/index-failures.js';
import { SettledIndexes } from '#roles/root-coord/indexes/settled-indexes.js';
import { type RoleNodes, waitsForNode } from '#rpc/role-nodes.js';
import type { Client } from '#rpc/service.js';
import type { DataCoordBroker } from './data-coord-broker.js';
import type { DefinitionCatalog } from './definition-catalog.js';
import { type CurrentBuild, explainIndexes, isMissing, isOlder } from './explain-indexes.js';

export interface IndexReconcilerParts {
  readonly platform: Platform;
  readonly catalog: DefinitionCatalog;
  readonly broker: DataCoordBroker;
  readonly dataNode: Client<typeof DataNodeDefinition>;
  readonly nodes: Pick<RoleNodes, 'asked'>;
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly queryCoord: Client<typeof QueryCoordDefinition>;
  readonly allocateId: () => Promise<bigint>;
  /** A segment with fewer rows gets no file. */
  readonly rowsMin: number;
  readonly intervalMs: number;
}

export class IndexReconciler {
  readonly #parts: IndexReconcilerParts;
  readonly #building = new Mutex();
  readonly #failures = new IndexFailures();
  readonly #settled: SettledIndexes;
  #timer: Timer | undefined;
  readonly #closing = new AbortController();
  #underWay: string | undefined;
  /** What it waits for is put into words when somebody asks. */
  #current: (Omit<CurrentBuild, 'waitsFor'> & { readonly waitsFor: () => string }) | undefined;
  /** Looks that wait for their turn, or run. */
  readonly #looks = new Set<{ readonly collectionId: bigint; readonly sinceMs: number }>();

  constructor(parts: IndexReconcilerParts) {
    this.#parts = parts;
    this.#settled = new SettledIndexes(parts);
  }

  start(): void {
    this.#schedule();
  }

  #schedule(): void {
    if (this.#closing.signal.aborted) return;
    this.#timer = this.#parts.platform.timers.after(this.#parts.intervalMs, () => {
      void this.#lookAtAll().finally(() => this.#schedule());
    });
  }

  async #lookAtAll(): Promise<void> {
    const indexed = this.#parts.catalog.collections().filter(({ indexes }) => indexes.length > 0);
    for await (const { collectionId, basis } of this.#settled.unsettled(indexed.map(({ id }) => id)))
      this.#run(collectionId, undefined, basis);
  }

  /** Begins nothing more and cancels what is under way. A build ends at its next step, which takes a while on a busy machine. */
  stop(): void {
    this.#closing.abort();
    this.#timer?.cancel();
  }

  async close(): Promise<void> {
    this.stop();
    await this.#building.run(async () => {});
  }

  /** What has to end before `close` does. */
  get underWay(): string | undefined {
    return this.#underWay;
  }

  /** DataCoord's notice: the segment's rows are in files now. */
  segmentFlushed(collectionId: bigint, segmentId: bigint): void {
    this.#run(collectionId, [segmentId]);
  }

  collectionChanged(collectionId: bigint): void {
    this.#run(collectionId, undefined);
  }

  /** @param basis what a look at all of its segments rests on */
  #run(collectionId: bigint, segmentIds: readonly bigint[] | undefined, basis?: string): void {
    const look = { collectionId, sinceMs: this.#parts.platform.clock.now() };
    this.#looks.add(look);
    this.#building
      .run(async () => {
        if (this.#closing.signal.aborted) return;
        this.#underWay = `a look at the segments of collection ${collectionId}`;
        const isWhole = await this.#reconcile(collectionId, segmentIds).finally(() => {
          this.#underWay = undefined;
        });
        if (isWhole && basis !== undefined) this.#settled.note(collectionId, basis);
      })
      .catch((error: unknown) =>
        this.#parts.platform.logger.warn('index_round_failed', { collectionId, reason: messageOf(error) }),
      )
      .finally(() => this.#looks.delete(look));
  }

  /** @returns whether it found nothing missing */
  async #reconcile(collectionId: bigint, only: readonly bigint[] | undefined): Promise<boolean> {
    const collection = this.#parts.catalog.byId(collectionId);
    if (collection === undefined || !isCreated(collection) || collection.indexes.length === 0) return false;
    const flushed = only ?? (await this.#parts.broker.getFlushedSegments(collectionId, ALL_PARTITIONS));
    const segments = new Map(
      (await this.#parts.channelRegistry.listSegments({ collectionId })).segments.map((segment) => [
        segment.id,
        segment,
      ]),
    );
    this.#failures.keepOnly(
      collectionId,
      ({ segmentId, indexId }) =>
        segments.has(segmentId) && collection.indexes.some((index) => index.id === indexId),
    );
    let built = 0;
    for (const segmentId of flushed) {
      const segment = segments.get(segmentId);
      if (segment === undefined || segment.isLevelZero) continue;
      for (const index of collection.indexes) {
        if (finishedFile(segment.indexes, index.id) !== undefined || isOlder(segment, index)) continue;
        if (this.#closing.signal.aborted) return false;
        if (await this.#tryBuild(collection, segment, index, only !== undefined)) built++;
      }
    }
    if (built > 0) await this.#parts.queryCoord.segmentsChanged({ collectionId });
    const facts = { rowsMin: this.#parts.rowsMin, schema: collection.schema };
    const lacks = (segment: SegmentRecord): boolean =>
      !segment.isLevelZero && collection.indexes.some((index) => isMissing(segment, index, facts));
    return ![...segments.values()].some(lacks);
  }

  /** A build that fails is noted and tried again after a pause; the others go on. @returns whether a file was built */
  async #tryBuild(
    collection: CollectionRecord,
    segment: SegmentRecord,
    index: IndexRecord,
    isNotice: boolean,
  ): Promise<boolean> {
    const build = { collectionId: collection.id, segmentId: segment.id, indexId: index.id };
    if (!this.#failures.isDue(build)) return false;
    this.#current = { ...build, waitsFor: () => 'data-coord to name its files', sinceMs: this.#nowMs };
    try {
      const rows = await this.#parts.broker.getNumRows(segment.id, isNotice);
      if (rows < this.#parts.rowsMin) return false;
      await this.#build(collection, segment, index, rows);
      this.#failures.succeeded(build);
      return true;
    } catch (error) {
      // Dropped meanwhile, or this process ends: nothing failed.
      if (this.#closing.signal.aborted || (error instanceof ElanusError && error.key === 'segment_not_found'))
        return false;
      const { reason, pauseMs } = this.#failures.failed(build, error, this.#parts.platform.clock.now());
      const { logger, timers } = this.#parts.platform;
      logger.warn('index_build_failed', { ...build, index: index.name, reason, retryMs: pauseMs });
      timers.after(pauseMs, () => {
        this.#failures.pauseOver(build);
        this.collectionChanged(collection.id);
      });
      return false;
    } finally {
      this.#current = undefined;
    }
  }

  get #nowMs(): number {
    return this.#parts.platform.clock.now();
  }

  #wait(waitsFor: () => string): void {
    if (this.#current !== undefined) this.#current = { ...this.#current, waitsFor, sinceMs: this.#nowMs };
  }

  async #build(
    collection: CollectionRecord,
    segment: SegmentRecord,
    index: IndexRecord,
    rowCount: bigint,
  ): Promise<void> {
    const field = collection.schema?.fields.find((candidate) => candidate.fieldID === index.fieldId);
    if (field === undefined)
      throw new ElanusError(
        'internal',
        `index ${index.name}: its field ${index.fieldId} is not in the schema`,
      );
    const paths = await this.#parts.broker.getBinlogFilePaths(segment.id, index.fieldId);
    const buildId = await this.#parts.allocateId();
    const request = {
      buildId,
      segmentId: segment.id,
      collectionId: collection.id,
      partitionId: segment.partitionId,
      rowCount,
      paths: [...paths],
      field,
      index,
      files: segment.files,
    };
    this.#underWay = `the build of index ${index.name} over the ${rowCount} rows of segment ${segment.id}`;
    this.#wait(() => waitsForNode(this.#parts.nodes.asked('data-node'), `to build it over ${rowCount} rows`));
    // A process that ends does not wait for its builds: the next start builds what has no file.
    const result = await this.#parts.dataNode.buildIndex(request, {
      signal: this.#closing.signal,
      metadata: {},
    });
    if (result.index === undefined)
      throw new ElanusError('internal', `data-node answered the build of index ${index.name} without a file`);
    this.#underWay = `data-coord to note the file of index ${index.name} of segment ${segment.id}`;
    this.#wait(() => 'data-coord to note its file');
    await this.#parts.channelRegistry.saveIndexFile({ segmentId: segment.id, index: result.index });
    // Dropped while it was built: its files went before this one came.
    if (this.#parts.catalog.byId(collection.id)?.indexes.some(({ id }) => id === index.id) !== true)
      await this.#parts.channelRegistry.dropIndexFiles({
        collectionId: collection.id,
        indexId: index.id,
        segmentId: segment.id,
      });
  }

  /** What every index file waits for that is missing. @throws invalid_parameter */
  async explain({ kind, collectionIds }: Pick<ExplainRequest, 'kind' | 'collectionIds'>) {
    const wanted = collectionIds.flatMap((id) => this.#parts.catalog.byId(id) ?? []);
    const facts = {
      rowsMin: this.#parts.rowsMin,
      current: this.#current && { ...this.#current, waitsFor: this.#current.waitsFor() },
      failuresOf: (indexId: bigint) => this.#failures.of(indexId),
      // The one that was asked for first stands last, and stays.
      looks: new Map([...this.#looks].reverse().map((look) => [look.collectionId, look.sinceMs])),
    };
    const list = async (collectionId: bigint) =>
      (await this.#parts.channelRegistry.listSegments({ collectionId })).segments;
    return explainIndexes(kind, wanted, list, facts);
  }

  /** Progress of every index of a collection: what describe shows. Growing rows are searched by scan and count as neither. */
  async states(collection: CollectionRecord) {
    const { segments } = await this.#parts.channelRegistry.listSegments({ collectionId: collection.id });
    const rows = segments.filter((segment) => !segment.isLevelZero);
    const facts = { rowsMin: this.#parts.rowsMin, schema: collection.schema };
    const total = rows.reduce((sum, segment) => sum + segment.rowCount, 0n);
    return collection.indexes.map((index) => {
      const missing = new Map(
        rows.filter((segment) => isMissing(segment, index, facts)).map((segment) => [segment.id, segment]),
      );
      const pending = [...missing.values()].reduce((sum, segment) => sum + segment.rowCount, 0n);
      const [failure] = this.#failures.of(index.id).filter(({ segmentId }) => missing.has(segmentId));
      const progress = indexProgress(pending, failure);
      return {
        index,
        indexedRows: total - pending,
        totalRows: total,
        pendingRows: pending,
        state: wireState(progress),
        failReason:
          progress.state === 'finished' || progress.failure === undefined
            ? ''
            : `segment ${progress.failure.segmentId}: ${progress.failure.reason}`,
        builtAs: describeBuilds(
          rows.map((segment) => {
            const file = finishedFile(segment.indexes, index.id);
            // Records from before it was noted name the type as the last part of the key.
            const builtAs =
              file === undefined ? SCANNED : file.builtAs || file.key.slice(file.key.lastIndexOf('/') + 1);
            return { builtAs, rowCount: Number(segment.rowCount) };
          }),
        ),
      };
    });
  }
}

function wireState(progress: IndexProgress): IndexState {
  switch (progress.state) {
    case 'finished':
      return IndexState.Finished;
    case 'building':
      return IndexState.InProgress;
    case 'failed':
      return IndexState.Failed;
    default:
      return assertNever(progress);
  }
}
