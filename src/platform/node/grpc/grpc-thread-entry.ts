// Script of a thread that speaks gRPC. Imports nothing of the product statically, so that it starts from src as well (resolve-sources.ts).
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';

const isSource = import.meta.url.endsWith('.ts');
const script = (name: string): string =>
  new URL(`./${name}${isSource ? '.ts' : '.js'}`, import.meta.url).href;

// Not awaited by the module itself: Node crashes when a thread is ended while a module of it waits for its top.
if (parentPort !== null) void serve(parentPort);

async function serve(port: MessagePort): Promise<void> {
  if (isSource)
    (
      (await import(script('../resolve-sources'))) as typeof import('#platform/node/resolve-sources.js')
    ).resolveSources();
  const { serveThread } = (await import(
    script('grpc-thread-server')
  )) as typeof import('./grpc-thread-server.js');
  serveThread(port, workerData);
}
