// Databases for the broker suite: every role in this process, or data-coord alone in a second OS process that tests may kill.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { openNodePlatform } from '#platform/node/node-platform.js';
import type { Platform } from '#platform/platform.js';
import { DataCoordDefinition } from '#proto/milvus/data_coord.js';
import type { DataCoordClient } from '#roles/root-coord/data-coord-broker.js';
import { roleNames } from '#rpc/role-names.js';
import { type Config, defaultConfig } from '#server/config.js';
import { type RunningNode, startNode } from '#server/node.js';
import { connect, tempFolder } from './support.js';

export interface BrokerWorld {
  readonly platform: Platform;
  readonly node: RunningNode;
  readonly client: MilvusClient;
  /** What the broker under test calls. */
  readonly dataCoord: DataCoordClient;
  close(): Promise<void>;
}

const settings: Config = { ...defaultConfig, port: 0, indexCheckIntervalMs: 300 };

export async function openInProcess(internalPort?: number): Promise<BrokerWorld> {
  return openMain({ ...settings, internalPort }, async () => {});
}

async function openMain(config: Config, release: () => Promise<void>): Promise<BrokerWorld> {
  const folder = await tempFolder();
  const platform = await openNodePlatform({ dataFolder: folder.path, logLevel: 'silent' });
  const node = await startNode(platform, config).catch(async (error: unknown) => {
    await platform.close();
    await release();
    await folder.remove();
    throw error;
  });
  const client = await connect(`127.0.0.1:${node.listener?.port}`);
  return {
    platform,
    node,
    client,
    dataCoord: node.directory.client(DataCoordDefinition),
    async close() {
      await client.closeConnection();
      await node.close();
      await platform.close();
      await release();
      await folder.remove();
    },
  };
}

export interface SplitWorld extends BrokerWorld {
  readonly address: string;
  /** Ends data-coord at once, as the power would. */
  kill(): Promise<void>;
  /** Starts data-coord again on its folder and port. */
  start(): Promise<void>;
}

/** @param delayMs how long after everything else data-coord is started */
export async function openSplit(delayMs = 0, more: Partial<Config> = {}): Promise<SplitWorld> {
  const folder = await tempFolder();
  const [mainPort, dataCoordPort] = [await freePort(), await freePort()];
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = await startDataCoord(folder.path, dataCoordPort, mainPort);
  };
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  };
  const address = `127.0.0.1:${dataCoordPort}`;
  const config: Config = {
    ...settings,
    ...more,
    roles: roleNames.filter((role) => role !== 'data-coord'),
    internalPort: mainPort,
    peers: { 'data-coord': address },
  };
  const starting = new Promise((resolve) => setTimeout(resolve, delayMs)).then(start);
  const world = await openMain(config, async () => {
    await starting.catch(() => {});
    await kill();
    await folder.remove();
  });
  await starting;
  return { ...world, address, kill, start };
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function startDataCoord(folder: string, port: number, mainPort: number): Promise<ChildProcess> {
  const peers = roleNames
    .filter((role) => role !== 'data-coord' && role !== 'proxy')
    .flatMap((role) => ['--peer', `${role}=127.0.0.1:${mainPort}`]);
  const main = join(import.meta.dirname, '../../dist/server/main.js');
  const args = [
    main,
    'serve',
    '--data',
    folder,
    '--role',
    'data-coord',
    '--internal-port',
    String(port),
    '--log-level',
    'error',
    ...peers,
  ];
  // Without the test runner's settings: the product must start on a bare Node.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => key !== 'NODE_OPTIONS'));
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (/ready/.test(output)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`data-coord ended with ${code}: ${output}`)));
  });
  return child;
}
