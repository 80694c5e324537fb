// Imports in two phases: a client commits or aborts a job whose rows are written. Milvus has these calls over REST alone; here they are of our own
// service, so that gRPC has them too.
import { ElanusError } from '#base/errors.js';
import type { CallContext } from '#platform/transport.js';
import type { ImportJobRequest, OperationsDefinition } from '#proto/elanus/roles.js';
import { databaseOf } from '#roles/proxy/collection-access.js';
import type { ProxyParts } from '#roles/proxy/proxy-parts.js';
import type { Handlers } from '#rpc/service.js';

type ImportJobParts = Pick<ProxyParts, 'access' | 'channelRegistry'>;

export const importJobMethods = (
  parts: ImportJobParts,
): Pick<Handlers<typeof OperationsDefinition>, 'commitImport' | 'abortImport'> => ({
  commitImport: async (request, context) => {
    await checkCollection(parts, request, context);
    return parts.channelRegistry.commitImport({ jobId: request.jobId }, context);
  },
  abortImport: async (request, context) => {
    await checkCollection(parts, request, context);
    return parts.channelRegistry.abortImport({ jobId: request.jobId }, context);
  },
});

/**
 * The caller was asked for rights on the collection that the request names, and the job must be of that one; without a collection on the whole
 * database, and the collection of the job must lie in it. @throws import_failed
 */
async function checkCollection(
  { access, channelRegistry }: ImportJobParts,
  { jobId, ...request }: ImportJobRequest,
  context: CallContext,
): Promise<void> {
  const collectionId = async (): Promise<bigint> =>
    (await channelRegistry.importState({ jobId }, context)).job?.collectionId ?? 0n;
  if (request.collectionName === '' && request.collectionID === 0n) {
    const ofJob = await access.open({ ...request, collectionID: await collectionId() }, context);
    const database = databaseOf(request, context);
    if (ofJob.database === database) return;
    throw new ElanusError(
      'import_failed',
      `import job ${jobId} is not of a collection in database ${database}; name the database and the collection that it imports into`,
    );
  }
  const { record, schema } = await access.open(request, context);
  if ((await collectionId()) === record.id) return;
  throw new ElanusError(
    'import_failed',
    `import job ${jobId} is not of collection ${schema.name}; name the collection that it imports into`,
  );
}
