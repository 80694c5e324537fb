// The client surface: every method of the public service, each call measured, each failure answered in its response's own shape.
// Owns nothing durable. What is not built yet answers code 3000, never a gRPC UNIMPLEMENTED.

import { must } from '#base/assert.js';
import { ElanusError } from '#base/errors.js';
import { encodeInt64s } from '#model/columns/packed-array.js';
import type { Platform } from '#platform/platform.js';
import type { CallContext, MethodHandler } from '#platform/transport.js';
import type {
  ChannelRegistryDefinition,
  DefinitionsDefinition,
  QueryCoordDefinition,
  StreamingNodeDefinition,
} from '#proto/elanus/roles.js';
import { ImportState, SegmentState, StateCode } from '#proto/milvus/common.js';
import type { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import { ClientTelemetryServiceDefinition, MilvusServiceDefinition } from '#proto/milvus/milvus.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import { WriteService } from '#roles/proxy/data/write-service.js';
import { ReadService } from '#roles/proxy/search/read-service.js';
import { checkMetricsRequest, systemInfo } from '#roles/proxy/users/system-info.js';
import { DecodeAccount } from '#rpc/decode-account.js';
import { type Client, type Handlers, wireMethods } from '#rpc/service.js';
import { statusOf } from '#rpc/wire-status.js';
import { CollectionAccess, databaseOf } from './collection-access.js';
import { definitionHandlers } from './definition-service.js';
import { heedingAll, type ServedMethod } from './request-fields.js';

export interface ProxyPeers {
  readonly rootCoord: Client<typeof RootCoordDefinition>;
  readonly definitions: Client<typeof DefinitionsDefinition>;
  readonly dataCoord: Client<typeof DataCoordDefinition>;
  readonly channelRegistry: Client<typeof ChannelRegistryDefinition>;
  readonly queryCoord: Client<typeof QueryCoordDefinition>;
  readonly streamingNode: Client<typeof StreamingNodeDefinition>;
}

export interface ProxySettings {
  readonly serverId: bigint;
  /** What clients read as the server's version. */
  readonly milvusVersion: string;
  readonly version: string;
  readonly callDeadlineMs: number;
  readonly health: { reasons(): readonly string[] };
}

/** A call that is served has its line in request-fields.ts, and the other way round. AlterCollectionSchema only refuses. */
type ServedHandlers = {
  readonly [Method in ServedMethod | 'alterCollectionSchema']: Handlers<
    typeof MilvusServiceDefinition
  >[Method];
};

/** How long Flush itself waits for the files before it leaves the rest to GetFlushState, in ms. */
const FLUSH_WAIT_MS_MAX = 10_000;
const LATENCY_BUCKETS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

export class ProxyNode {
  readonly #platform: Platform;
  readonly #settings: ProxySettings;
  readonly #peers: ProxyPeers;
  readonly #access: CollectionAccess;
  readonly #writes: WriteService;
  readonly #reads: ReadService;

  constructor(platform: Platform, settings: ProxySettings, peers: ProxyPeers) {
    this.#platform = platform;
    this.#settings = settings;
    this.#peers = peers;
    this.#access = new CollectionAccess({ ...peers, timers: platform.timers });
    this.#writes = new WriteService({ ...peers, access: this.#access });
    this.#reads = new ReadService({
      ...peers,
      platform,
      access: this.#access,
      callDeadlineMs: settings.callDeadlineMs,
    });
  }

  /** Methods for the public listener, by path. */
  methods(): ReadonlyMap<string, MethodHandler> {
    const handlers: Partial<Handlers<typeof MilvusServiceDefinition>> = heedingAll({
      ...definitionHandlers({ ...this.#peers, access: this.#access }),
      ...this.#sessionHandlers(),
      ...this.#dataHandlers(),
    } satisfies ServedHandlers);
    const onError = (path: string, error: ElanusError): void => {
      if (error.key === 'internal')
        this.#platform.logger.error('request_failed', {
          path,
          reason: error.message,
          stack: error.cause instanceof Error ? error.cause.stack : undefined,
        });
    };
    const telemetry: Partial<Handlers<typeof ClientTelemetryServiceDefinition>> = {
      clientHeartbeat: async () => ({ commands: [] }),
    };
    const decoding = new DecodeAccount();
    const all = new Map([
      ...wireMethods(MilvusServiceDefinition, handlers, { onError, decoding }),
      ...wireMethods(ClientTelemetryServiceDefinition, telemetry, { onError, decoding }),
    ]);
    const latency = this.#platform.metrics.histogram({
      name: 'milvus_proxy_req_latency_ms',
      help: 'Time to answer a request, in ms.',
      labels: ['function_name'],
      buckets: LATENCY_BUCKETS_MS,
    });
    const count = this.#platform.metrics.counter({
      name: 'milvus_proxy_req_count',
      help: 'Requests answered.',
      labels: ['function_name'],
    });
    const measured = new Map<string, MethodHandler>();
    for (const [path, handler] of all) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      measured.set(path, async (bytes, context) => {
        const begin = this.#platform.clock.monotonic();
        try {
          return await handler(bytes, context);
        } finally {
          latency.observe(this.#platform.clock.monotonic() - begin, { function_name: name });
          count.add(1, { function_name: name });
        }
      });
    }
    return measured;
  }

  #sessionHandlers() {
    const { milvusVersion, version, serverId } = this.#settings;
    return {
      connect: async (request, context) => {
        const database = databaseOf({ dbName: '' }, context);
        const { databases } = await this.#peers.definitions.listDatabases({}, context);
        if (!databases.some(({ name }) => name === database))
          throw new ElanusError('database_not_found', `database not found[database=${database}]`);
        this.#platform.logger.debug('client_connected', {
          sdk: request.clientInfo?.sdkType,
          sdkVersion: request.clientInfo?.sdkVersion,
        });
        const identifier =
          (BigInt(this.#platform.clock.now()) << 16n) |
          BigInt(this.#platform.random.nextUint32() & 0xffff) |
          1n;
        return {
          serverInfo: {
            buildTags: milvusVersion,
            buildTime: '',
            gitCommit: '',
            goVersion: '',
            deployMode: 'STANDALONE',
            reserved: { elanus: version },
          },
          identifier,
        };
      },
      getVersion: async () => ({ version: milvusVersion }),
      // Its status has a name of its own, so that the general refusal would not find it.
      alterCollectionSchema: async () => ({
        alterStatus: statusOf(
          new ElanusError(
            'unsupported',
            'AlterCollectionSchema is not supported by this version of Elanus; docs/compat.md lists what is',
          ),
        ),
      }),
      checkHealth: async () => {
        const reasons = this.#settings.health.reasons();
        return { isHealthy: reasons.length === 0, reasons: [...reasons] };
      },
      getComponentStates: async () => ({
        state: { nodeID: serverId, role: 'proxy', stateCode: StateCode.Healthy },
      }),
      allocTimestamp: async (_request, context) => ({
        timestamp: (await this.#peers.rootCoord.allocTimestamp({ count: 1 }, context)).timestamp,
      }),
      getMetrics: (request, context) => this.#metrics(request.request, context),
      dummy: async () => ({ response: 'ok' }),
    } satisfies Partial<Handlers<typeof MilvusServiceDefinition>>;
  }

  /** The nodes that this one knows: itself, the coordinators it talks to, and the one query-node that serves all replicas. */
  async #metrics(request: string, context: CallContext) {
    checkMetricsRequest(request);
    const { serverId, milvusVersion } = this.#settings;
    const states = await Promise.all([
      this.#peers.rootCoord.getComponentStates({}, context),
      this.#peers.dataCoord.getComponentStates({}, context),
    ]);
    const coordinators = states.flatMap(({ state }) =>
      state === undefined ? [] : [{ id: state.nodeID, type: state.role }],
    );
    const nodes = [{ id: serverId, type: 'proxy' }, ...coordinators, { id: 1n, type: 'querynode' }];
    return { response: systemInfo({ nodes, milvusVersion }), componentName: `proxy${serverId}` };
  }

  #dataHandlers() {
    return {
      insert: (request, context) => this.#writes.insert(request, context),
      upsert: (request, context) => this.#writes.upsert(request, context),
      delete: (request, context) => this.#writes.delete(request, context),
      search: (request, context) => this.#reads.search(request, context),
      query: (request, context) => this.#reads.query(request, context),
      flush: async (request, context) => {
        const names = [...new Set(request.collectionNames)];
        const flushed = await Promise.all(
          names.map((name) => this.#flush(databaseOf(request, context), name, context)),
        );
        const entries = <T>(of: (one: (typeof flushed)[number]) => T): Record<string, T> =>
          Object.fromEntries(flushed.map((one) => [one.name, of(one)]));
        return {
          dbName: databaseOf(request, context),
          collSegIDs: entries((one) => packed(one.segmentIds)),
          flushCollSegIDs: entries((one) => packed(one.flushedSegmentIds)),
          collSealTimes: entries((one) => one.timeOfSeal),
          collFlushTs: entries((one) => one.flushTimestamp),
        };
      },
      getFlushState: async (request, context) => {
        if (request.collectionName === '')
          return {
            flushed: (await this.#peers.dataCoord.getFlushState({ ...request, collectionID: 0n }, context))
              .flushed,
          };
        const collection = await this.#access.open(request, context);
        return {
          flushed: (
            await this.#peers.dataCoord.getFlushState(
              { ...request, collectionID: collection.record.id },
              context,
            )
          ).flushed,
        };
      },
      getPersistentSegmentInfo: async (request, context) => {
        const collection = await this.#access.open(request, context);
        const { segments } = await this.#peers.channelRegistry.listSegments(
          { collectionId: collection.record.id },
          context,
        );
        return {
          infos: segments.map((segment) => ({
            segmentID: segment.id,
            collectionID: segment.collectionId,
            partitionID: segment.partitionId,
            numRows: segment.rowCount,
            state: SegmentState.Flushed,
          })),
        };
      },
      import: async (request, context) => {
        const [option] = request.options;
        if (option !== undefined)
          throw new ElanusError(
            'unsupported',
            `import option ${option.key.slice(0, 200)} is not supported in this version; leave it out`,
          );
        const collection = await this.#access.open(request, context);
        const { jobId } = await this.#peers.definitions.importFiles(
          {
            collection: { database: collection.database, name: collection.schema.name },
            partition: request.partitionName,
            files: request.files,
            options: Object.fromEntries(request.options.map(({ key, value }) => [key, value])),
          },
          context,
        );
        return { tasks: [jobId] };
      },
      getImportState: async (request, context) => {
        const job = must(
          (await this.#peers.channelRegistry.importState({ jobId: request.task }, context)).job,
          'import job',
        );
        return {
          state: importState(job.state),
          rowCount: job.importedRows,
          id: job.id,
          collectionId: job.collectionId,
          createTs: job.createTimestamp >> 18n,
          infos: [
            { key: 'failed_reason', value: job.reason },
            { key: 'progress_percent', value: String(job.progress) },
            { key: 'files', value: job.files.join(',') },
            { key: 'collection', value: job.collectionName },
          ],
        };
      },
      listImportTasks: async (request, context) => {
        const collectionId =
          request.collectionName === '' ? 0n : (await this.#access.open(request, context)).record.id;
        if (request.limit < 0n)
          throw new ElanusError(
            'invalid_parameter',
            `limit should be 0 or greater, but got ${request.limit}`,
          );
        const { jobs } = await this.#peers.channelRegistry.listImportJobs({ collectionId }, context);
        const newest = [...jobs]
          .sort((a, b) => (a.id < b.id ? -1 : 1))
          .slice(request.limit === 0n ? 0 : -Number(request.limit));
        return {
          tasks: newest.map((job) => ({
            state: importState(job.state),
            rowCount: job.importedRows,
            id: job.id,
            collectionId: job.collectionId,
            createTs: job.createTimestamp >> 18n,
            infos: [
              { key: 'failed_reason', value: job.reason },
              { key: 'progress_percent', value: String(job.progress) },
            ],
          })),
        };
      },
    } satisfies Partial<Handlers<typeof MilvusServiceDefinition>>;
  }

  /** Seals, then waits for the files: for most callers the answer already means durable files. */
  async #flush(database: string, name: string, context: CallContext) {
    const collection = await this.#access.open({ dbName: database, collectionName: name }, context);
    const flushed = await this.#peers.definitions.flushCollection(
      { database: collection.database, name, id: collection.record.id },
      context,
    );
    const now = this.#platform.clock.now();
    const waitMs = Math.min(
      FLUSH_WAIT_MS_MAX,
      context.deadlineMs === undefined ? FLUSH_WAIT_MS_MAX : Math.max(0, (context.deadlineMs - now) / 2),
    );
    const abort = new AbortController();
    const timer = this.#platform.timers.after(waitMs, () => abort.abort());
    try {
      const until = { signal: abort.signal, deadlineMs: now + waitMs, metadata: {} };
      await Promise.all(
        collection.record.vchannels.map((vchannel) =>
          this.#peers.streamingNode.awaitCheckpoint({ vchannel, timestamp: flushed.flushTimestamp }, until),
        ),
      );
    } catch (error) {
      // Not in time: the client asks GetFlushState for the rest, which tells the truth.
      if (!(error instanceof ElanusError) || error.key !== 'deadline_exceeded') throw error;
    } finally {
      timer.cancel();
    }
    return { name, ...flushed };
  }
}

const packed = (ids: readonly bigint[]) => ({
  data: encodeInt64s(new Uint8Array(BigInt64Array.from(ids).buffer)),
});

const importState = (state: string) =>
  state === 'completed'
    ? ImportState.ImportCompleted
    : state === 'failed'
      ? ImportState.ImportFailed
      : state === 'importing'
        ? ImportState.ImportStarted
        : ImportState.ImportPending;
