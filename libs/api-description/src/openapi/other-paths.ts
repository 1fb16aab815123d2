import type { JsonObject } from '@agent-platform/contracts';
import type { ErrorCode } from '@agent-platform/errors';
import { API, type ActionDescription, type StreamDescription } from '../api';
import { paramsOf } from '../params-of';
import { problemsOf } from '../problems-of';
import { problemResponses } from './operation';
import { referring } from './referring';

const OPEN: JsonObject = { security: [], tags: ['door'] };
const json = (description: string): JsonObject => ({ description, content: { 'application/json': { schema: {} } } });
const text = (description: string, type: string): JsonObject => ({
  description,
  content: { [type]: { schema: { type: 'string' } } },
});

/** What the gateway serves besides the actions over REST. */
export function otherPaths(): JsonObject {
  return {
    '/v1/actions': { post: envelope() },
    '/graphql': { post: graphql() },
    ...Object.fromEntries(API.streams.map((stream) => [stream.path, { get: streamOf(stream) }])),
    '/v1/webhooks/{endpointId}': { post: webhook() },
    '/v1/oauth/callback': {
      get: {
        ...OPEN,
        operationId: 'oauth.callback',
        summary: 'Where authorization servers send people back to, after they have consented.',
        responses: { '200': text('A page that says how it went.', 'text/html') },
      },
    },
    ...Object.fromEntries(
      PUBLIC.map(([path, operationId, summary, type]) => [
        path,
        { get: { ...OPEN, operationId, summary, responses: { '200': text('The document.', type) } } },
      ]),
    ),
  };
}

const PUBLIC = [
  ['/livez', 'door.livez', 'Whether the process runs.', 'application/json'],
  ['/readyz', 'door.readyz', 'Whether it can answer requests; 503 where it cannot.', 'application/json'],
  ['/metrics', 'door.metrics', 'Metrics for Prometheus.', 'text/plain'],
  ['/openapi.json', 'door.openapi', 'This document.', 'application/json'],
  ['/docs', 'door.docs', 'This document as a page for people.', 'text/html'],
  ['/asyncapi.json', 'door.asyncapi', 'The events on NATS, as AsyncAPI 3.', 'application/json'],
  [
    '/v1/schemas/workflow.json',
    'door.workflowSchema',
    'The JSON Schema of workflow definitions.',
    'application/schema+json',
  ],
  [
    '/.well-known/jwks.json',
    'door.keys',
    'The keys that proofs of commands are signed with (RFC 7517).',
    'application/json',
  ],
] as const;

function envelope(): JsonObject {
  const every = [...new Set(API.actions.flatMap((action) => problemsOf(action)))];
  return {
    operationId: 'door.actions',
    summary: 'Any action, with its params in an envelope.',
    description: 'Answers as the action does over REST. `POST /functions/v1/api-gateway` is the same door.',
    tags: ['door'],
    parameters: [{ $ref: '#/components/parameters/IdempotencyKey' }, { $ref: '#/components/parameters/RequestId' }],
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['action'],
            properties: {
              action: { type: 'string', enum: API.actions.map(({ name }) => name) },
              params: { type: 'object', description: 'Path, query and body fields of the action together.' },
            },
            additionalProperties: false,
          },
          example: { action: 'workflow.list', params: { limit: 5 } },
        },
      },
    },
    responses: {
      ...Object.fromEntries(['200', '201', '202'].map((status) => [status, json('What the action answers.')])),
      '204': { description: 'It is gone.' },
      ...problemResponses([...every, 'action.unknown']),
    },
  };
}

function graphql(): JsonObject {
  return {
    operationId: 'door.graphql',
    summary: 'The same actions as a GraphQL schema; docs/graphql.md tells how.',
    tags: ['door'],
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            properties: {
              query: { type: 'string' },
              operationName: { type: ['string', 'null'] },
              variables: { type: ['object', 'null'] },
              extensions: { type: ['object', 'null'] },
            },
          },
          example: { query: '{ workflowList(first: 5) { nodes { id name } } }' },
        },
      },
    },
    responses: {
      '200': json('The result, with `data` and `errors`.'),
      ...problemResponses(problemsOf({ effect: 'write', capability: null, problems: [] })),
    },
  };
}

function streamOf({ path, action: name, request }: StreamDescription): JsonObject {
  const action = API.actions.find((candidate) => candidate.name === name) as ActionDescription;
  const params = paramsOf({ request, path, method: 'GET' });
  const codes: ErrorCode[] = [...problemsOf(action), 'event.streams.too-many'];
  return {
    operationId: `${name.split('.')[0]}.stream`,
    summary: `${name} that does not end, as server-sent events.`,
    tags: [name.split('.')[0] ?? ''],
    'x-capability': action.capability,
    parameters: [
      ...params.map(({ name: field, schema, required, in: place }) => ({
        name: field,
        in: place,
        required: place === 'path' || required,
        schema: referring(schema),
      })),
      { name: 'Last-Event-ID', in: 'header', description: 'To go on after this message.', schema: { type: 'string' } },
    ],
    responses: {
      '200': text('Server-sent events; docs/streams.md tells which.', 'text/event-stream'),
      ...problemResponses(codes),
    },
  };
}

function webhook(): JsonObject {
  return {
    ...OPEN,
    operationId: 'door.webhook',
    summary: "Takes a provider's webhook; its signature is its authentication.",
    parameters: [{ name: 'endpointId', in: 'path', required: true, schema: { type: 'string' } }],
    requestBody: { content: { '*/*': { schema: {} } } },
    responses: {
      '200': json('It is stored.'),
      ...problemResponses([
        'webhook.body.malformed',
        'webhook.signature.invalid',
        'request.route.not-found',
        'request.body.too-large',
        'service.unavailable',
      ]),
    },
  };
}
