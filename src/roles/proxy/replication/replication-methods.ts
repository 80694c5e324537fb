// What this cluster says of replication between clusters: it replicates to nobody and from nobody. A configuration that says so is taken, for
// nothing changes by it; any other needs what is not built. The calls of a primary to its secondary fail as calls to a cluster that is none.
import { ElanusError } from '#base/errors.js';
import type { PublicHandler } from '#roles/proxy/proxy-parts.js';
import { statusOf } from '#rpc/wire-status.js';

const CLUSTER_SHOWN_MAX = 200;

export class ReplicationMethods {
  readonly getReplicateConfiguration: PublicHandler<'getReplicateConfiguration'> = async () => ({
    configuration: { clusters: [], crossClusterTopology: [] },
  });

  readonly updateReplicateConfiguration: PublicHandler<'updateReplicateConfiguration'> = async (request) => {
    const { clusters = [], crossClusterTopology = [] } = request.replicateConfiguration ?? {};
    if (clusters.length > 0 || crossClusterTopology.length > 0)
      throw new ElanusError(
        'unsupported',
        `replicate_configuration names ${clusters.length} clusters and ${crossClusterTopology.length} ways between them, and this version of Elanus has no replication; send an empty one, which is what holds`,
      );
    return {};
  };

  /** Its answer has no status, so the call itself fails. */
  readonly getReplicateInfo: PublicHandler<'getReplicateInfo'> = async ({
    sourceClusterId,
    targetPchannel,
  }) => {
    const source = sourceClusterId.slice(0, CLUSTER_SHOWN_MAX);
    const channel = targetPchannel.slice(0, CLUSTER_SHOWN_MAX);
    throw new ElanusError(
      'not_secondary',
      `cluster ${source} does not replicate into channel ${channel} of this cluster, which replicates from nobody, so there is no checkpoint; GetReplicateConfiguration says so`,
    );
  };

  readonly createReplicateStream: PublicHandler<'createReplicateStream'> = async () => {
    throw new ElanusError(
      'not_secondary',
      'replicated messages are taken by a secondary cluster alone, and this cluster replicates from nobody; GetReplicateConfiguration says so',
    );
  };

  /** A stream of one message: why there are no others. */
  readonly dumpMessages: PublicHandler<'dumpMessages'> = async ({ pchannel }) => {
    const reason = `messages of channel ${pchannel.slice(0, CLUSTER_SHOWN_MAX)} are dumped to bring a former primary up to date, and this version of Elanus has no replication`;
    return { response: { $case: 'status', value: statusOf(new ElanusError('unsupported', reason)) } };
  };
}
