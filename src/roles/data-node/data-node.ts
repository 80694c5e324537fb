// Executes what it is handed, decides nothing: index builds, imports and compactions.
import { ElanusError } from '#base/errors.js';
import { elementTypeOf } from '#index/block/element-type.js';
import { encodeFlatIndex } from '#index/flat/flat-index-file.js';
import { describeBuild } from '#index/graph/codes/built-as.js';
import { column as columnOf, rowCountOf } from '#model/columns/column.js';
import { storedBuildParams } from '#model/params/index-params.js';
import { dimOf } from '#model/schema/field.js';
import { elementMetricOf } from '#model/schema/list-metric.js';
import { isMetricName } from '#model/schema/metric-type.js';
import { elementField, isVectorList } from '#model/schema/struct-arrays.js';
import type { Platform } from '#platform/platform.js';
import type { Column, IndexRecord } from '#proto/elanus/data.js';
import type { BuildIndexRequest, DataNodeDefinition } from '#proto/elanus/roles.js';
import type { RootCoordDefinition } from '#proto/milvus/root_coord.js';
import type { FieldSchema } from '#proto/milvus/schema.js';
import {
  type CompactionParts,
  compactSegments,
  spreadDeletes,
} from '#roles/data-node/compaction/compact-segments.js';
import { expiryQuantiles, readOwnExpiries } from '#roles/data-node/compaction/own-expiries.js';
import { importFiles } from '#roles/data-node/import/import-files.js';
import type { Client, Handlers } from '#rpc/service.js';
import { readColumn } from '#segment/files/insert-log.js';
import { isScalarField, writeScalarIndex } from '#segment/files/scalar-index-files.js';
import { isSparseField, writeSparseIndex } from '#segment/files/sparse-index-files.js';
import { writeVectorIndex } from '#segment/files/vector-index-files.js';
import type { ImportCount } from '#segment/imports/reading.js';
import type { Embedder } from '#text/functions/embedder.js';

interface WrittenIndex {
  readonly key: string;
  readonly bytes: number;
  /** What was built in the end, as clients see it. */
  readonly builtAs: string;
}

/** Vectors of lists from which an index is built: fewer are scanned as fast. */
const ELEMENTS_MIN = 1024;

export class DataNode {
  readonly #platform: Platform;
  readonly #rootCoord: Client<typeof RootCoordDefinition>;
  readonly #embedder: Embedder;
  /** How far the imports are that run here, by job. */
  readonly #imports = new Map<bigint, { readonly count: ImportCount; readonly sinceMs: number }>();

  constructor(
    platform: Platform,
    peers: { readonly rootCoord: Client<typeof RootCoordDefinition> },
    embedder: Embedder,
  ) {
    this.#platform = platform;
    this.#rootCoord = peers.rootCoord;
    this.#embedder = embedder;
  }

  readonly handlers: Handlers<typeof DataNodeDefinition> = {
    buildIndex: async (request, context) => {
      const { buildId, segmentId, collectionId, rowCount, paths, field, index, files } = request;
      if (field === undefined || index === undefined)
        throw new ElanusError('missing_parameter', 'buildIndex: no field or index given');
      const wanted = new Set(paths);
      const column = await readColumn(
        this.#platform,
        // Rows that are older than a scalar field have no file of it, and its default as their value.
        { files: isScalarField(field) ? files : files.filter((file) => wanted.has(file.key)) },
        field,
      );
      const rows = rowCountOf(column, dimOf(field));
      if (BigInt(rows) !== rowCount)
        throw new ElanusError(
          'data_corrupt',
          `segment ${segmentId}: field ${field.name} has ${rows} values in its files, the catalog says ${rowCount} rows`,
        );
      const { key, bytes, builtAs } = await this.#write(request, field, index, column, context.signal);
      this.#platform.logger.debug('index_built', { buildId, segmentId, collectionId, rowCount });
      return {
        index: {
          indexId: index.id,
          buildId,
          fieldId: field.fieldID,
          indexType: index.indexType,
          metricType: index.metricType,
          key,
          bytes: BigInt(bytes),
          rowCount,
          state: 'finished',
          failReason: '',
          builtAs,
        },
      };
    },

    importFiles: ({ job, segmentIds, taskIndex }, { signal }) => {
      if (job === undefined) throw new ElanusError('missing_parameter', 'importFiles: no job given');
      const count = { bytes: 0, rows: 0 };
      const sinceMs = this.#platform.clock.monotonic();
      this.#imports.set(job.id, { count, sinceMs });
      const allocateIds = (ids: number) => this.#allocateIds(ids);
      const [platform, embedder] = [this.#platform, this.#embedder];
      const task = { platform, embedder, job, taskIndex, segmentIds, allocateIds, signal, count };
      return importFiles(task).finally(() => {
        if (this.#imports.get(job.id)?.count === count) this.#imports.delete(job.id);
      });
    },
    importProgress: async ({ jobId }) => {
      const found = this.#imports.get(jobId);
      if (found === undefined) return {};
      const { count, sinceMs } = found;
      const elapsedMs = BigInt(Math.ceil(this.#platform.clock.monotonic() - sinceMs));
      return { bytes: BigInt(count.bytes), rows: BigInt(count.rows), elapsedMs };
    },
    compactSegments: async ({ schema, ...asked }, { signal }) => {
      if (schema === undefined)
        throw new ElanusError('missing_parameter', 'compactSegments: no schema given');
      const { segments, unchanged, readableFrom } = await compactSegments(this.#compactionParts(signal), {
        ...asked,
        schema,
      });
      return { segments, unchanged, readableFrom };
    },
    spreadDeletes: async ({ schema, segment, ...asked }, { signal }) => {
      if (schema === undefined || segment === undefined)
        throw new ElanusError('missing_parameter', 'spreadDeletes: no segment or schema given');
      return { file: await spreadDeletes(this.#compactionParts(signal), { ...asked, segment, schema }) };
    },
    readExpiries: async ({ schema, segment, fieldId }) => {
      if (schema === undefined || segment === undefined)
        throw new ElanusError('missing_parameter', 'readExpiries: no segment or schema given');
      return { micros: expiryQuantiles(await readOwnExpiries(this.#platform, segment, schema, fieldId)) };
    },
  };

  async #allocateIds(count: number): Promise<bigint> {
    return (await this.#rootCoord.allocID({ count })).ID;
  }

  #compactionParts(signal: AbortSignal): CompactionParts {
    const [platform, embedder] = [this.#platform, this.#embedder];
    return { platform, embedder, allocateIds: (count) => this.#allocateIds(count), signal };
  }

  async #write(
    request: BuildIndexRequest,
    field: FieldSchema,
    index: IndexRecord,
    column: Column,
    signal: AbortSignal,
  ): Promise<WrittenIndex> {
    if (isScalarField(field)) return writeScalarIndex(this.#platform, request, field, column, signal);
    if (isSparseField(field)) return this.#writeSparse(request, field, index, column);
    if (isVectorList(field)) return this.#writeOfElements(request, field, index, column, signal);
    const written = await writeVectorIndex(this.#platform, request, column, signal);
    return written ?? this.#writeFlat(request, field, index, column);
  }

  /** An index over the vectors of all rows, as if each were a row: searches find rows by them. */
  async #writeOfElements(
    request: BuildIndexRequest,
    list: FieldSchema,
    asked: IndexRecord,
    lists: Column,
    signal: AbortSignal,
  ): Promise<WrittenIndex> {
    const field = elementField(list);
    const vectors = columnOf(field.fieldID, field.dataType, lists.data);
    const count = rowCountOf(vectors, dimOf(field));
    const index = { ...asked, metricType: elementMetricOf(asked.metricType) ?? asked.metricType };
    const written =
      count < ELEMENTS_MIN
        ? undefined
        : await writeVectorIndex(
            this.#platform,
            { ...request, field, index, rowCount: BigInt(count) },
            vectors,
            signal,
            true,
          );
    return written ?? this.#writeFlat(request, field, index, vectors);
  }

  async #writeSparse(
    request: BuildIndexRequest,
    field: FieldSchema,
    index: IndexRecord,
    column: Column,
  ): Promise<WrittenIndex> {
    const written = await writeSparseIndex(this.#platform, request, column);
    const builtAs = describeBuild(storedBuildParams(field, 'SPARSE_INVERTED_INDEX', index.params));
    return { ...written, builtAs };
  }

  /** What every vector field can have, also where its own index type was not worth building: inverse norms, or only the fact. */
  async #writeFlat(
    { buildId, partitionId, segmentId }: BuildIndexRequest,
    field: FieldSchema,
    index: IndexRecord,
    column: Column,
  ): Promise<WrittenIndex> {
    const dim = dimOf(field);
    const metric = isMetricName(index.metricType) ? index.metricType : 'L2';
    const elementType = elementTypeOf(field.dataType);
    const inverseNorms =
      metric === 'COSINE'
        ? await this.#platform.workers.run<Float32Array>(
            'inverseNorms',
            { vectors: column.data, dim, elementType },
            [],
          )
        : undefined;
    const bytes = encodeFlatIndex({
      metric,
      dim,
      rowCount: rowCountOf(column, dim),
      ...(inverseNorms === undefined ? {} : { inverseNorms }),
    });
    const key = `index_files/${buildId}/1/${partitionId}/${segmentId}/FLAT`;
    await this.#platform.objectStore.put(key, [bytes]);
    return { key, bytes: bytes.length, builtAs: elementType === 'binary' ? 'BIN_FLAT' : 'FLAT' };
  }
}
