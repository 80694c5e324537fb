// What benches need of the client and of our generated messages (from the build, as a user has them).
export { MilvusClient } from '@zilliz/milvus2-sdk-node';
export { DslType, PlaceholderGroup, PlaceholderType } from '../dist/proto/milvus/common.js';
export { InsertRequest, SearchRequest, SearchResults } from '../dist/proto/milvus/milvus.js';
export { DataType } from '../dist/proto/milvus/schema.js';
