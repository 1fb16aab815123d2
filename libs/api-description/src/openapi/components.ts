import type { JsonObject } from '@agent-platform/contracts';
import { API } from '../api';

export const securitySchemes: JsonObject = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key of an agent: `mj_agent_…`.' },
  agentKey: { type: 'apiKey', in: 'header', name: 'X-Agent-Key', description: 'The same key in a header of its own.' },
};

const text = (schema: JsonObject = {}): JsonObject => ({ type: 'string', ...schema });

/** The headers that requests take, by the name of their component. */
export const parameters: JsonObject = {
  RequestId: {
    name: 'X-Request-Id',
    in: 'header',
    description: 'Names the request in the answer, every log line and the audit log. Made where it is not given.',
    schema: text({ pattern: '^[A-Za-z0-9._:-]{8,128}$' }),
  },
  Traceparent: {
    name: 'traceparent',
    in: 'header',
    description: 'W3C Trace Context; carried on to every service.',
    schema: text({ maxLength: 512 }),
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'With the same key and body within 24 hours the first answer is given again, and nothing is done twice. The same key with another body is 422.',
    schema: text({ pattern: '^[\\x21-\\x7e]{1,255}$' }),
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    description: 'The `ETag` of an answer: refused with 412 where the thing has changed since. `*` matches any.',
    schema: text({ maxLength: 66 }),
  },
  AgentTimestamp: {
    name: 'X-Agent-Timestamp',
    in: 'header',
    description: 'Unix seconds; within 300 of now. Needed, with the two below, where the agent has a signing secret.',
    schema: text({ pattern: '^\\d{1,15}$' }),
  },
  AgentNonce: {
    name: 'X-Agent-Nonce',
    in: 'header',
    description: 'Used once.',
    schema: text({ minLength: 16, maxLength: 128 }),
  },
  AgentSignature: {
    name: 'X-Agent-Signature',
    in: 'header',
    description:
      '`v1=` and the HMAC-SHA256, in hex, over `v1`, timestamp, nonce, method, path with query and the hex SHA-256 of the body, with line feeds between.',
    schema: text({ pattern: '^v1=[0-9a-f]{64}$' }),
  },
};

/** The headers of answers. */
export const headers: JsonObject = {
  RequestId: { description: 'Quote it to the operator.', required: true, schema: text() },
  RateLimit: {
    description:
      'What is left of the quota (`r`) and the seconds until there is more (`t`): draft-ietf-httpapi-ratelimit-headers-10.',
    schema: text(),
  },
  RateLimitPolicy: { description: 'The quota (`q`) in a window of seconds (`w`).', schema: text() },
  RetryAfter: { description: 'Seconds to wait before trying again.', schema: text({ pattern: '^\\d+$' }) },
  ETag: { description: 'The version of the document, in quotes.', schema: text() },
  Authenticate: { description: 'How to authenticate.', schema: text() },
};

/** RFC 9457, with the extensions of the platform. */
export const problemSchema: JsonObject = {
  type: 'object',
  description:
    'What went wrong (RFC 9457). `code` is stable; `retryable` says that the same request may succeed later.',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'requestId', 'retryable'],
  properties: {
    type: text({ format: 'uri' }),
    title: text(),
    status: { type: 'integer' },
    detail: text({ description: 'A sentence for people, that says what to do next.' }),
    instance: text({ format: 'uri' }),
    code: text({ enum: Object.keys(API.problems) }),
    requestId: text(),
    retryable: { type: 'boolean' },
    retryAfterMs: { type: 'integer', minimum: 0 },
    missingCapability: text({ description: 'Of 403 `auth.capability.missing`.' }),
    integrationId: text({ description: 'Of the integration that the problem is about.' }),
    errors: {
      type: 'array',
      description: 'Every field that is not valid.',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: text(), message: text() },
      },
    },
  },
};
