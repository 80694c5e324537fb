// DataCoord as a tool of another make calls it: grpc-js, the upstream method paths, and messages written down here by field number,
// independent of our own .proto files.
import { Client, credentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { ElanusError } from '#base/errors.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import type { DataCoordClient } from '#roles/root-coord/data-coord-broker.js';
import { remoteClient } from '#rpc/service.js';

const schema = `
syntax = "proto3";
message Status { int32 error_code = 1; string reason = 2; int32 code = 3; bool retriable = 4; string detail = 5; map<string, string> extra_info = 6; }
message StringList { repeated string values = 1; }
message KeyValuePair { string key = 1; string value = 2; }
message MsgPosition { string channel_name = 1; bytes msgID = 2; string msgGroup = 3; uint64 timestamp = 4; }
message Binlog { int64 entries_num = 1; uint64 timestamp_from = 2; uint64 timestamp_to = 3; string log_path = 4; int64 log_size = 5; }
message FieldBinlog { int64 fieldID = 1; repeated Binlog binlogs = 2; }
message SegmentInfo { int64 ID = 1; int64 collectionID = 2; int64 partitionID = 3; string insert_channel = 4; int64 num_of_rows = 5; int32 state = 6;
  repeated FieldBinlog binlogs = 11; repeated FieldBinlog deltalogs = 13; }
message GetInsertBinlogPathsRequest { int64 segmentID = 2; }
message GetInsertBinlogPathsResponse { repeated int64 fieldIDs = 1; repeated StringList paths = 2; Status status = 3; }
message GetSegmentInfoRequest { repeated int64 segmentIDs = 2; bool includeUnHealthy = 3; }
message GetSegmentInfoResponse { Status status = 1; repeated SegmentInfo infos = 2; map<string, MsgPosition> channel_checkpoint = 3; }
message GetFlushedSegmentsRequest { int64 collectionID = 2; int64 partitionID = 3; bool includeUnhealthy = 4; }
message GetFlushedSegmentsResponse { Status status = 1; repeated int64 segments = 2; }
message WatchChannelsRequest { int64 collectionID = 1; repeated string channelNames = 2; uint64 create_timestamp = 5; }
message WatchChannelsResponse { Status status = 1; }
message ImportTask { int64 collection_id = 2; int64 partition_id = 3; repeated string channel_names = 4; bool row_based = 5; int64 task_id = 6;
  repeated string files = 7; repeated KeyValuePair infos = 8; string database_name = 16; }
message ImportTaskRequest { ImportTask import_task = 2; repeated int64 working_nodes = 3; }
message ImportTaskResponse { Status status = 1; int64 datanode_id = 2; }
message FlushRequest { int64 dbID = 2; repeated int64 segmentIDs = 3; int64 collectionID = 4; }
message FlushResponse { Status status = 1; int64 dbID = 2; int64 collectionID = 3; repeated int64 segmentIDs = 4; repeated int64 flushSegmentIDs = 5;
  int64 timeOfSeal = 6; uint64 flush_ts = 7; map<string, MsgPosition> channel_cps = 8; }
`;
/** Request and response message of each method, and how the fields of this file are named in ours. */
const methods: Readonly<Record<string, readonly [request: string, response: string]>> = {
  GetInsertBinlogPaths: ['GetInsertBinlogPathsRequest', 'GetInsertBinlogPathsResponse'],
  GetSegmentInfo: ['GetSegmentInfoRequest', 'GetSegmentInfoResponse'],
  GetFlushedSegments: ['GetFlushedSegmentsRequest', 'GetFlushedSegmentsResponse'],
  WatchChannels: ['WatchChannelsRequest', 'WatchChannelsResponse'],
  Import: ['ImportTaskRequest', 'ImportTaskResponse'],
  Flush: ['FlushRequest', 'FlushResponse'],
};

export interface RawDataCoord {
  readonly dataCoord: DataCoordClient;
  /** One call with plain objects; int64 as decimal strings. */
  call(method: string, request: object): Promise<Record<string, unknown>>;
  close(): void;
}

export function connectRawDataCoord(address: string): RawDataCoord {
  const { root } = protobuf.parse(schema, { keepCase: true });
  const client = new Client(address, credentials.createInsecure());
  const send = (path: string, bytes: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (value: Buffer) => value,
        (value: Buffer) => value,
        Buffer.from(bytes),
        { deadline: Date.now() + 10_000 },
        (error, reply) => {
          if (error !== null) reject(new ElanusError('service_unavailable', error.message));
          else resolve(reply ?? new Uint8Array());
        },
      );
    });
  const typesOf = (method: string): readonly [protobuf.Type, protobuf.Type] => {
    const names = methods[method];
    if (names === undefined) throw new Error(`no method ${method}`);
    return [root.lookupType(names[0]), root.lookupType(names[1])];
  };
  return {
    async call(method, request) {
      const [requestType, responseType] = typesOf(method);
      const bytes = requestType.encode(requestType.fromObject(request)).finish();
      const reply = await send(`/milvus.proto.data.DataCoord/${method}`, bytes);
      return responseType.toObject(responseType.decode(reply), {
        longs: String,
        arrays: true,
        defaults: true,
      });
    },
    // Through both schemas: what ours encodes is read and written again by the numbers above, in either direction.
    dataCoord: remoteClient(DataCoordDefinition, async (path, bytes) => {
      const [requestType, responseType] = typesOf(path.slice(path.lastIndexOf('/') + 1));
      const reply = await send(
        path.replace(/^.*\//, '/milvus.proto.data.DataCoord/'),
        requestType.encode(requestType.decode(bytes)).finish(),
      );
      return responseType.encode(responseType.decode(reply)).finish();
    }),
    close: () => client.close(),
  };
}
