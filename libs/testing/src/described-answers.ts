import { API, problemsOf, type ActionDescription, type JsonSchema } from '@agent-platform/api-description';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';

/** What a door itself may answer, before it is known which action is meant. */
const OF_THE_DOOR = ['request.route.not-found', 'request.method.not-allowed', 'action.unknown'];

const ROUTES = API.actions.map((action) => ({
  action,
  path: new RegExp(`^${action.path.replace(/\{\w+\}/g, '[^/]+')}$`),
}));

/** A request of a test and how it was answered. */
export interface AnsweredRequest {
  readonly method: string;
  readonly path: string;
  readonly sent: string | undefined;
  readonly status: number;
  readonly contentType: string | null;
  readonly body: unknown;
}

/**
 * Checks an answer of the gateway against the description of the API: its status, the form of its body, in which no field may be that is not
 * described, and the code of a problem. What the description does not tell of is not checked.
 *
 * @throws Error that says what differs
 */
export function checkDescribed(request: AnsweredRequest): void {
  const action = actionOf(request);
  if (!action) return;
  const { status, contentType, body } = request;
  const fail = (why: string) =>
    new Error(
      `${action.name} answered what the API description does not say: ${why}\n${status} ${JSON.stringify(body)}`,
    );
  if (status >= 400) {
    const { code } = body as { code: string };
    const codes: readonly string[] = [...problemsOf(action), ...OF_THE_DOOR];
    if (contentType !== 'application/problem+json') throw fail(`the media type ${contentType}`);
    if (!codes.includes(code)) throw fail(`the code ${code}`);
    if (API.problems[code as keyof typeof API.problems]?.status !== status) throw fail(`${code} with status ${status}`);
    return;
  }
  const names = repliesOf(action, status);
  if (!names) throw fail(`the status ${status}`);
  if (status === 204) return;
  const validate = validatorOf(action, names);
  if (!validate(body)) throw fail(JSON.stringify(validate.errors));
}

function actionOf({ method, path, sent }: AnsweredRequest): ActionDescription | undefined {
  const [route = ''] = path.split('?', 1);
  if (route === '/v1/actions' || route === '/functions/v1/api-gateway') {
    const name = /^\s*\{\s*"action"\s*:\s*"([a-z_.]+)"/.exec(sent ?? '')?.[1];
    return API.actions.find((action) => action.name === name);
  }
  if (API.streams.some((stream) => new RegExp(`^${stream.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(route)))
    return undefined;
  return ROUTES.find(({ action, path: pattern }) => action.method === method && pattern.test(route))?.action;
}

/** The names of the schemas that an answer with this status may have; undefined for a status that it never has. */
function repliesOf(action: ActionDescription, status: number): readonly string[] | undefined {
  const { success, reply, okReplies } = action;
  if (status === success) return reply === null ? [] : [...new Set([reply, ...(success === 200 ? okReplies : [])])];
  return status === 200 && okReplies.length > 0 ? okReplies : undefined;
}

const ajv = addFormats(new Ajv2020({ strict: false, allErrors: false }));
ajv.addSchema({ $id: 'api', $defs: closed(API.schemas) }, 'api');
const validators = new Map<string, ValidateFunction>();

function validatorOf({ list, page }: ActionDescription, names: readonly string[]): ValidateFunction {
  const key = `${names.join()} ${list} ${page}`;
  let validate = validators.get(key);
  if (!validate) {
    const ref = (name: string) => ({ $ref: `api#/$defs/${name}` });
    const one = { anyOf: names.map(ref) };
    validate = ajv.compile({
      type: 'object',
      required: list ? ['data', 'page'] : ['data'],
      properties: { data: list ? { type: 'array', items: one } : one, ...(page !== null && { page: ref(page) }) },
      additionalProperties: false,
    });
    validators.set(key, validate);
  }
  return validate;
}

/** For a test a field that is not described is an error; for clients of later versions it is none. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const inner = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  const { properties, additionalProperties } = node as JsonSchema;
  return properties && additionalProperties === undefined ? { ...inner, additionalProperties: false } : inner;
}
