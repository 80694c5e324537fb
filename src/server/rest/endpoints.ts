// The one table of REST endpoints. Paths, bodies, the OpenAPI document and the list in docs/rest.md come from here.

import { aliasEndpoints } from '#server/rest/endpoints/aliases.js';
import { createEndpoint } from '#server/rest/endpoints/collection-create.js';
import { describeEndpoint } from '#server/rest/endpoints/collection-describe.js';
import { collectionEndpoints } from '#server/rest/endpoints/collections.js';
import { databaseEndpoints } from '#server/rest/endpoints/databases.js';
import { readEndpoints } from '#server/rest/endpoints/entities-read.js';
import { searchEndpoints } from '#server/rest/endpoints/entities-search.js';
import { writeEndpoints } from '#server/rest/endpoints/entities-write.js';
import { indexEndpoints } from '#server/rest/endpoints/indexes.js';
import { partitionEndpoints } from '#server/rest/endpoints/partitions.js';
import type { Endpoint } from './endpoint.js';

export const BASE_PATH = '/v2/vectordb/';

export const endpoints: readonly Endpoint[] = [
  createEndpoint,
  describeEndpoint,
  ...collectionEndpoints,
  ...databaseEndpoints,
  ...partitionEndpoints,
  ...indexEndpoints,
  ...aliasEndpoints,
  ...writeEndpoints,
  ...readEndpoints,
  ...searchEndpoints,
];
