// What this cluster says of replication between clusters: it replicates to nobody and from nobody. A configuration that says so is taken, for
// nothing changes by it; any other needs what is not built.
import { ElanusError } from '#base/errors.js';
import type { PublicHandler } from '#roles/proxy/proxy-parts.js';

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
}
