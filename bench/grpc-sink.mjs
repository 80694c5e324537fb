// A bare gRPC server: takes any insert, throws the bytes away, answers an empty message. The transport's ceiling for insert.mjs.
import grpc from '@grpc/grpc-js';

const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
const answer = Buffer.alloc(0);
server.register(
  '/milvus.proto.milvus.MilvusService/Insert',
  (_call, callback) => callback(null, answer),
  (value) => value,
  (value) => value,
  'unary',
);
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`127.0.0.1:${port}`);
});
