// What a client asks about the server and itself: connect, version, health, nodes, time. Users and roles come beside this.
import { ElanusError } from '#base/errors.js';
import { StateCode } from '#proto/milvus/common.js';
import { databaseOf } from '#roles/proxy/collection-access.js';
import type { ProxyParts, PublicHandler } from '#roles/proxy/proxy-parts.js';
import { checkMetricsRequest, systemInfo } from './system-info.js';

type SessionParts = Pick<
  ProxyParts,
  'nodes' | 'platform' | 'settings' | 'definitions' | 'rootCoord' | 'dataCoord'
>;

export class SessionMethods {
  readonly #parts: SessionParts;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  readonly connect: PublicHandler<'connect'> = async (request, context) => {
    const { definitions, platform, settings } = this.#parts;
    const database = databaseOf({ dbName: '' }, context);
    const { databases } = await definitions.listDatabases({}, context);
    if (!databases.some(({ name }) => name === database))
      throw new ElanusError('database_not_found', `database not found[database=${database}]`);
    platform.logger.debug('client_connected', {
      sdk: request.clientInfo?.sdkType,
      sdkVersion: request.clientInfo?.sdkVersion,
    });
    const identifier =
      (BigInt(platform.clock.now()) << 16n) | BigInt(platform.random.nextUint32() & 0xffff) | 1n;
    return {
      serverInfo: {
        buildTags: settings.milvusVersion,
        buildTime: '',
        gitCommit: '',
        goVersion: '',
        deployMode: 'STANDALONE',
        reserved: { elanus: settings.version },
      },
      identifier,
    };
  };

  readonly getVersion: PublicHandler<'getVersion'> = async () => ({
    version: this.#parts.settings.milvusVersion,
  });

  readonly checkHealth: PublicHandler<'checkHealth'> = async () => {
    const reasons = this.#parts.settings.health.reasons();
    return { isHealthy: reasons.length === 0, reasons: [...reasons] };
  };

  readonly getComponentStates: PublicHandler<'getComponentStates'> = async () => ({
    state: { nodeID: this.#parts.settings.serverId, role: 'proxy', stateCode: StateCode.Healthy },
  });

  readonly allocTimestamp: PublicHandler<'allocTimestamp'> = async (_request, context) => ({
    timestamp: (await this.#parts.rootCoord.allocTimestamp({ count: 1 }, context)).timestamp,
  });

  /** The nodes that this one knows: itself, the coordinators it talks to, and the query-nodes that have answered it. */
  readonly getMetrics: PublicHandler<'getMetrics'> = async ({ request }, context) => {
    checkMetricsRequest(request);
    const { rootCoord, dataCoord, settings } = this.#parts;
    const { serverId, milvusVersion } = settings;
    const states = await Promise.all([
      rootCoord.getComponentStates({}, context),
      dataCoord.getComponentStates({}, context),
    ]);
    const coordinators = states.flatMap(({ state }) =>
      state === undefined ? [] : [{ id: state.nodeID, type: state.role }],
    );
    const queryNodes = this.#parts.nodes
      .of('query-node')
      .map((node) => ({ id: node.serverId, type: 'querynode' }));
    const nodes = [{ id: serverId, type: 'proxy' }, ...coordinators, ...queryNodes];
    return { response: systemInfo({ nodes, milvusVersion }), componentName: `proxy${serverId}` };
  };

  /** No other address is better than the one that the caller has. */
  readonly registerLink: PublicHandler<'registerLink'> = async () => ({});

  readonly dummy: PublicHandler<'dummy'> = async () => ({ response: 'ok' });
}
