// The OpenAPI 3.1 document of REST, made from the table of endpoints and the same schemas that check the bodies.
import { z } from 'zod';
import type { Route } from './routes.js';

type Json = Readonly<Record<string, unknown>>;

const json = (schema: Json): Json => ({ 'application/json': { schema } });
const answer = { $ref: '#/components/schemas/Answer' };
const failure = { $ref: '#/components/schemas/Failure' };

/** Statuses of HTTP beside 200, which all that was understood as a call has. */
const failures: Readonly<Record<string, string>> = {
  401: 'Who calls is not known (code 1800).',
  403: 'Who calls may not do this, or the web page may not call.',
  408: 'The call took too long (code 10001).',
  413: 'The body is too large (code 1102).',
  415: 'The body is in an encoding that is not read (code 1801).',
  429: 'There is no room for the call now (code 4).',
};

const responses: Json = {
  200: {
    description: 'What the call answers; `code` other than 0 is a failure.',
    content: json({ anyOf: [answer, failure] }),
  },
  ...Object.fromEntries(
    Object.entries(failures).map(([status, description]) => [
      status,
      { description, content: json(failure) },
    ]),
  ),
};

const headerParameter = (name: string, description: string, schema: Json): Json => ({
  name,
  in: 'header',
  required: false,
  description,
  schema,
});

const parameters: Readonly<Record<string, Json>> = {
  database: headerParameter('DB-Name', 'The database, where the body names none.', { type: 'string' }),
  timeout: headerParameter('Request-Timeout', 'Seconds that the call may take.', {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 86_400,
  }),
  int64: headerParameter(
    'Accept-Type-Allow-Int64',
    'Whether int64 values are numbers (default) or strings.',
    {
      type: 'boolean',
    },
  ),
};

/** @param successes codes of what worked */
const componentsOf = (successes: readonly number[]): Json => ({
  schemas: {
    Answer: {
      type: 'object',
      required: ['code', 'data'],
      properties: {
        code: { enum: successes },
        data: {},
        message: { type: 'string' },
        cost: { type: 'integer' },
        topks: { type: 'array', items: { type: 'integer' }, description: 'Number of hits of each query.' },
        recalls: { type: 'array', items: { type: 'number' } },
        aggBuckets: { type: 'array', items: { type: 'object' }, description: 'Buckets of the hits.' },
        aggTopks: {
          type: 'array',
          items: { type: 'integer' },
          description: 'Number of buckets of each query.',
        },
      },
      additionalProperties: false,
    },
    Failure: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'integer', not: { const: 0 } }, message: { type: 'string' } },
      additionalProperties: false,
    },
  },
  parameters,
  securitySchemes: {
    bearer: { type: 'http', scheme: 'bearer', description: '`user:password`, or a token.' },
    basic: { type: 'http', scheme: 'basic' },
  },
});

function operation(path: string, { endpoint, method }: Route): Json {
  const { path: own, summary, body, calls } = endpoint;
  const isV1 = path.startsWith('/v1/');
  const shared = Object.keys(parameters).map((name) => ({ $ref: `#/components/parameters/${name}` }));
  return {
    operationId: `${isV1 ? 'v1_' : ''}${own.replaceAll('/', '_')}`,
    tags: [isV1 ? 'v1' : own.split('/')[0]],
    summary,
    ...(calls.length === 0 ? {} : { description: `Calls ${calls.map(rpcName).join(', ')}.` }),
    ...(method === 'GET'
      ? { parameters: [...queryParameters(body), ...shared] }
      : { parameters: shared, requestBody: { required: true, content: json(bodySchema(body)) } }),
    responses,
  };
}

const queryParameters = (body: z.ZodObject): Json[] =>
  Object.entries(body.shape).map(([name, schema]) => ({
    name,
    in: 'query',
    required: !z.safeParse(schema, undefined).success,
    schema: { type: 'string' },
  }));

const rpcName = (method: string): string => `${method[0]?.toUpperCase()}${method.slice(1)}`;

function bodySchema(body: z.ZodObject): Json {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' });
  return schema;
}

/** @param version of the server @param routes by path */
export const openApiDocument = (version: string, routes: ReadonlyMap<string, Route>): Json => ({
  openapi: '3.1.0',
  info: {
    title: 'Elanus REST v2',
    version,
    description:
      "Milvus's REST v2. Every call is a POST with a JSON object; errors have a code and a message.",
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: '/' }],
  security: [{}, { bearer: [] }, { basic: [] }],
  paths: Object.fromEntries(
    [...routes].map(([path, route]) => [path, { [route.method.toLowerCase()]: operation(path, route) }]),
  ),
  components: componentsOf([...new Set([...routes.values()].map(({ success }) => success))]),
});
