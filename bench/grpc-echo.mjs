// A bare gRPC server for search.mjs: answers every call with the bytes it was last given, so that both servers move equal messages.
import grpc from '@grpc/grpc-js';

const server = new grpc.Server({ 'grpc.max_receive_message_length': 64 * 2 ** 20 });
let answer = Buffer.alloc(0);
const same = (value) => value;
for (const method of ['Search', 'Insert'])
  server.register(
    `/milvus.proto.milvus.MilvusService/${method}`,
    (_call, callback) => callback(null, answer),
    same,
    same,
    'unary',
  );
server.register(
  '/bench.Echo/SetAnswer',
  (call, callback) => {
    answer = call.request;
    callback(null, Buffer.alloc(0));
  },
  same,
  same,
  'unary',
);
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`127.0.0.1:${port}`);
});
