// What benches need of the client and of our generated messages (from the build, as a user has them).
export { MilvusClient } from '@zilliz/milvus2-sdk-node';
export { encodeInt64s } from '../dist/model/columns/packed-array.js';
export { DslType, PlaceholderGroup, PlaceholderType } from '../dist/proto/milvus/common.js';
export { InsertRequest, MutationResult, SearchRequest, SearchResults } from '../dist/proto/milvus/milvus.js';
export { DataType } from '../dist/proto/milvus/schema.js';
