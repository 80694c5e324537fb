// The one table of REST endpoints. Paths, bodies, the OpenAPI document and the list in docs/rest.md come from here.

import { aliasEndpoints } from '#server/rest/endpoints/aliases.js';
import { createEndpoint } from '#server/rest/endpoints/collection-create.js';
import { describeEndpoint } from '#server/rest/endpoints/collection-describe.js';
import { schemaEndpoints } from '#server/rest/endpoints/collection-schema.js';
import { collectionEndpoints } from '#server/rest/endpoints/collections.js';
import { databaseEndpoints } from '#server/rest/endpoints/databases.js';
import { readEndpoints } from '#server/rest/endpoints/entities-read.js';
import { searchEndpoints } from '#server/rest/endpoints/entities-search.js';
import { writeEndpoints } from '#server/rest/endpoints/entities-write.js';
import { importEndpoints } from '#server/rest/endpoints/import-jobs.js';
import { indexEndpoints } from '#server/rest/endpoints/indexes.js';
import { otherEndpoints } from '#server/rest/endpoints/others.js';
import { partitionEndpoints } from '#server/rest/endpoints/partitions.js';
import { resourceGroupEndpoints } from '#server/rest/endpoints/resource-groups.js';
import { snapshotEndpoints } from '#server/rest/endpoints/snapshots.js';
import { privilegeGroupEndpoints, roleEndpoints, userEndpoints } from '#server/rest/endpoints/users.js';
import type { Endpoint } from './endpoint.js';

export const BASE_PATH = '/v2/vectordb/';

export const endpoints: readonly Endpoint[] = [
  createEndpoint,
  describeEndpoint,
  ...collectionEndpoints,
  ...schemaEndpoints,
  ...databaseEndpoints,
  ...partitionEndpoints,
  ...indexEndpoints,
  ...aliasEndpoints,
  ...writeEndpoints,
  ...readEndpoints,
  ...searchEndpoints,
  ...userEndpoints,
  ...roleEndpoints,
  ...privilegeGroupEndpoints,
  ...resourceGroupEndpoints,
  ...importEndpoints,
  ...snapshotEndpoints,
  ...otherEndpoints,
];
