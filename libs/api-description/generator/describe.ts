import {
  ACTIONS,
  CAPABILITIES,
  COMMANDS_STREAM_PATH,
  EVENTS_STREAM_PATH,
  getRun,
  listEvents,
  listMyCommands,
  Page,
  RUN_STREAM_PATH,
  StreamCommandsRequest,
  StreamEventsRequest,
  StreamRunRequest,
  type ActionDefinition,
} from '@agent-platform/contracts';
import { ERRORS } from '@agent-platform/errors';
import type { ActionDescription, ApiDescription, JsonSchema, StreamDescription } from '../src/api';
import { requestSchema } from './request-schema';
import { TypeSchemas } from './type-schemas';

const STREAMS = [
  { path: EVENTS_STREAM_PATH, action: listEvents, request: StreamEventsRequest },
  { path: RUN_STREAM_PATH, action: getRun, request: StreamRunRequest },
  { path: COMMANDS_STREAM_PATH, action: listMyCommands, request: StreamCommandsRequest },
];

/** Reads the contracts: types and doc comments from their source, bounds from their validators. */
export function describeApi(): ApiDescription {
  const types = new TypeSchemas();
  for (const { request } of [...ACTIONS, ...STREAMS]) types.add(request.name);
  const replies = ACTIONS.flatMap(({ reply, okReplies = [], page }) => [reply ?? [], okReplies, page ?? []].flat());
  for (const { name } of [Page, ...replies]) types.add(name);
  const schemas = types.all();
  for (const { request } of [...ACTIONS, ...STREAMS]) {
    schemas.set(request.name, requestSchema(request, schemas.get(request.name) ?? {}));
  }
  const sorted = [...schemas].sort(([left], [right]) => (left < right ? -1 : 1));
  return {
    actions: ACTIONS.map(describeAction),
    streams: STREAMS.map(({ path, action, request }): StreamDescription => ({
      path,
      action: action.name,
      request: request.name,
    })),
    schemas: Object.fromEntries<JsonSchema>(sorted),
    capabilities: CAPABILITIES,
    problems: Object.fromEntries(
      Object.entries<{ status: number; title: string; retryable?: boolean }>(ERRORS).map(
        ([code, { status, title, retryable = false }]) => [code, { status, title, retryable }],
      ),
    ) as ApiDescription['problems'],
  };
}

function describeAction(action: ActionDefinition): ActionDescription {
  const { name, capability, effect, http, duration, summary, example } = action;
  return {
    name,
    capability,
    effect,
    ...http,
    list: action.list ?? false,
    answersSecret: action.answersSecret ?? false,
    ...(duration && { duration }),
    summary,
    example,
    request: action.request.name,
    reply: action.reply?.name ?? null,
    okReplies: (action.okReplies ?? []).map((reply) => reply.name),
    page: action.list ? (action.page ?? Page).name : null,
    problems: action.problems ?? [],
  };
}
