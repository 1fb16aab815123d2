import type { Json, JsonObject } from '@agent-platform/contracts';
import { API } from '../api';
import { headers, parameters, problemSchema, securitySchemes } from './components';
import { operationOf } from './operation';
import { otherPaths } from './other-paths';
import { referring } from './referring';

/** Where the gateway publishes the document. */
export const OPENAPI_PATH = '/openapi.json';

const DOMAINS: Readonly<Record<string, string>> = {
  workflow: 'Definitions of work in steps, their versions and schedules.',
  run: 'Executions of workflows.',
  integration: "Other people's APIs, called with stored credentials.",
  data: 'Collections of JSON documents.',
  agent: 'Agents, their keys, signing secrets and skills.',
  event: 'Events, subscriptions and their deliveries.',
  system: 'The audit log and the status of the platform.',
  me: 'What an agent may always do to itself.',
  door: 'Other ways in, and what anyone may read.',
};

/**
 * The OpenAPI 3.1 document of the gateway, made from the contracts.
 *
 * @param version of the platform that answers
 */
export function openApiDocument(version: string): JsonObject {
  const paths: Record<string, Record<string, Json>> = {};
  for (const action of API.actions) {
    (paths[action.path] ??= {})[action.method.toLowerCase()] = operationOf(action);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Agent Platform',
      version,
      summary: 'One gateway for AI agents: known, limited, trusted with credentials, and watched.',
      description:
        'Every action over REST. `POST /v1/actions` takes the same actions in an envelope, and `/graphql` as fields. ' +
        'Times are RFC 3339 in UTC, JSON is camelCase, unknown fields are refused, bodies have at most 1 MiB.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { agentKey: [] }],
    tags: Object.entries(DOMAINS).map(([name, description]) => ({ name, description })),
    paths: { ...paths, ...otherPaths() },
    components: {
      securitySchemes,
      parameters,
      headers,
      schemas: {
        ...Object.fromEntries(Object.entries(API.schemas).map(([name, schema]) => [name, referring(schema)])),
        Problem: problemSchema,
      },
    },
  };
}
