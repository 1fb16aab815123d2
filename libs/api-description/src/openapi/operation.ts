import type { Json, JsonObject } from '@agent-platform/contracts';
import type { ErrorCode } from '@agent-platform/errors';
import { API, resolve, type ActionDescription } from '../api';
import { paramsOf, type ParamDescription } from '../params-of';
import { problemsOf } from '../problems-of';
import { referring, refTo } from './referring';

const parameter = (name: string): JsonObject => ({ $ref: `#/components/parameters/${name}` });
const header = (name: string): JsonObject => ({ $ref: `#/components/headers/${name}` });

const LIMITED: JsonObject = {
  'X-Request-Id': header('RequestId'),
  RateLimit: header('RateLimit'),
  'RateLimit-Policy': header('RateLimitPolicy'),
};

/** The operation of an action at its method and path. */
export function operationOf(action: ActionDescription): JsonObject {
  const params = paramsOf(action);
  const body = requestBody(action, params);
  return {
    operationId: action.name,
    summary: action.summary,
    ...(action.capability !== null && { description: `Needs the capability \`${action.capability}\`.` }),
    tags: [action.name.split('.')[0] ?? ''],
    'x-capability': action.capability,
    'x-effect': action.effect,
    parameters: [...params.filter((param) => param.in !== 'body').map(parameterOf(action)), ...headersOf(action)],
    ...(body && { requestBody: body }),
    responses: { ...successes(action), ...problemResponses(problemsOf(action)) },
  };
}

/** A refusal by status, with the codes that it may have. */
export function problemResponses(codes: readonly ErrorCode[]): JsonObject {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = API.problems[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus]
      .sort(([left], [right]) => left - right)
      .map(([status, its]) => [String(status), problem(status, its)]),
  );
}

function problem(status: number, codes: readonly ErrorCode[]): JsonObject {
  const mayWait = status === 429 || status === 503;
  return {
    description: codes.map((code) => `\`${code}\`: ${API.problems[code].title}.`).join(' '),
    headers: {
      'X-Request-Id': header('RequestId'),
      ...(mayWait && { 'Retry-After': header('RetryAfter') }),
      ...(status === 401 && { 'WWW-Authenticate': header('Authenticate') }),
    },
    content: {
      'application/problem+json': {
        schema: { allOf: [refTo('Problem'), { properties: { code: { enum: [...codes] } } }] },
      },
    },
  };
}

function parameterOf({ example }: ActionDescription) {
  return ({ name, schema, required, in: place }: ParamDescription): JsonObject => {
    const { description, ...rest } = referring(schema);
    const { type } = resolve(schema);
    return {
      name,
      in: place,
      required: place === 'path' || required,
      ...(description !== undefined && { description }),
      // An object travels in a query string as JSON.
      ...(type === 'object' ? { content: { 'application/json': { schema: rest } } } : { schema: rest }),
      ...(type !== 'object' && example[name] !== undefined && { example: example[name] }),
    };
  };
}

function headersOf({ effect, ifMatch }: ActionDescription): Json[] {
  const changing = ['IdempotencyKey', 'AgentTimestamp', 'AgentNonce', 'AgentSignature'];
  const names = [
    ...(effect === 'read' ? [] : changing),
    ...(ifMatch === undefined ? [] : ['IfMatch']),
    'RequestId',
    'Traceparent',
  ];
  return names.map(parameter);
}

function requestBody(action: ActionDescription, params: readonly ParamDescription[]): JsonObject | undefined {
  const fields = params.filter((param) => param.in === 'body');
  if (fields.length === 0) return undefined;
  const required = fields.filter((field) => field.required).map(({ name }) => name);
  const example = Object.fromEntries(
    Object.entries(action.example).filter(([name]) => fields.some((f) => f.name === name)),
  );
  return {
    required: required.length > 0,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties: Object.fromEntries(fields.map(({ name, schema }) => [name, referring(schema)])),
          ...(required.length > 0 && { required }),
          additionalProperties: false,
        },
        example,
      },
    },
  };
}

function successes(action: ActionDescription): JsonObject {
  const withEtag = action.reply === 'Document';
  const answer = (description: string, data: JsonObject): JsonObject => ({
    description,
    headers: { ...LIMITED, ...(withEtag && { ETag: header('ETag') }) },
    content: {
      'application/json': {
        schema: {
          type: 'object',
          required: action.page === null ? ['data'] : ['data', 'page'],
          properties: { data, ...(action.page !== null && { page: refTo(action.page) }) },
        },
      },
    },
  });
  const { reply, okReplies } = action;
  if (reply === null) return { '204': { description: 'It is gone.', headers: LIMITED } };
  const data = action.list ? { type: 'array', items: refTo(reply) } : refTo(reply);
  const sentences = { 200: 'The answer.', 201: 'It was made.', 202: 'It was accepted, and goes on.', 204: '' };
  const also = okReplies.length === 1 ? refTo(okReplies[0] ?? '') : { anyOf: okReplies.map(refTo) };
  return {
    ...(okReplies.length > 0 && { '200': answer('It has ended, or was only asked about.', also) }),
    [String(action.success)]: answer(sentences[action.success], data),
  };
}
