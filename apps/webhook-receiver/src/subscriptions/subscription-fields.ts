import type { JsonObject, SubscribeRequest } from '@agent-platform/contracts';
import { parseDurationMs } from '@agent-platform/durations';
import type { EgressClient } from '@agent-platform/egress';
import { AppError, type FieldError } from '@agent-platform/errors';
import { eventFilterProblem } from '@agent-platform/expressions';
import { DEFAULT_RETRY_SCHEDULE } from '../deliveries/retry-schedule';

const MAX_RETRIES = 50;
const MAX_RETRY_DELAY_MS = 7 * 24 * 3600 * 1000;
const MAX_HEADERS = 20;
const MAX_HEADERS_LENGTH = 8192;
/** What a webhook is recognised by; an agent that could set them could forge one. */
const OUR_HEADERS = /^(?:webhook-.*|user-agent)$/i;

/** Where events go. */
export type Target =
  | { readonly type: 'pull' }
  | { readonly type: 'webhook'; readonly url: string; readonly headers: Readonly<Record<string, string>> };

/** What a request says of a subscription, checked; undefined is left as it was. */
export interface SubscriptionFields {
  readonly types: readonly string[] | undefined;
  /** Null takes it away. */
  readonly filter: string | null | undefined;
  readonly target: Target | undefined;
  readonly retrySchedule: readonly string[] | undefined;
  readonly ordered: boolean | undefined;
  /** Null takes it away. */
  readonly rateLimitRpm: number | null | undefined;
}

/** @throws AppError `event.subscription.invalid` with every failing path */
export function readSubscription(request: SubscribeRequest, egress: EgressClient): SubscriptionFields {
  const errors: FieldError[] = [];
  const { types, filter, ordered, rateLimitRpm } = request;
  if (request.id === undefined) {
    if (types === undefined) errors.push({ path: 'types', message: 'is required' });
    if (request.target === undefined) errors.push({ path: 'target', message: 'is required' });
  }
  const problem = filter === undefined || filter.trim() === '' ? undefined : eventFilterProblem(filter);
  if (problem !== undefined) errors.push({ path: 'filter', message: problem });
  const fields: SubscriptionFields = {
    types: types && [...new Set(types)],
    filter: filter?.trim() === '' ? null : filter,
    target: request.target && readTarget(request.target, egress, errors),
    retrySchedule: request.retry && readSchedule(request.retry, errors),
    ordered,
    rateLimitRpm: rateLimitRpm === 0 ? null : rateLimitRpm,
  };
  if (errors.length > 0) throw invalid(errors);
  return fields;
}

/** @throws always: AppError `event.subscription.invalid` */
export function invalid(errors: readonly FieldError[]): AppError {
  const paths = errors.map(({ path }) => path).join(', ');
  return new AppError('event.subscription.invalid', `The subscription has fields that are not valid: ${paths}.`, {
    errors,
  });
}

function readTarget(target: JsonObject, egress: EgressClient, errors: FieldError[]): Target {
  const { type, url, headers = {}, ...others } = target;
  const fail = (path: string, message: string) => void errors.push({ path, message });
  for (const name of Object.keys(others)) fail(`target.${name}`, 'is not a known field');
  if (type === 'pull') {
    if (url !== undefined) fail('target.url', 'has no meaning for a target that is pulled');
    return { type };
  }
  const checkedHeaders = readHeaders(headers, egress, errors);
  if (type !== 'webhook') fail('target.type', 'must be webhook or pull');
  else if (typeof url !== 'string' || url.length > 2048) {
    fail('target.url', 'must be a URL such as https://example.com/hook');
  } else {
    checkUrl(url, egress, errors);
    return { type: 'webhook', url, headers: checkedHeaders };
  }
  return { type: 'pull' };
}

function checkUrl(url: string, egress: EgressClient, errors: FieldError[]): void {
  try {
    egress.check({ url, method: 'POST' });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    errors.push({ path: 'target.url', message: error.detail });
  }
}

function readHeaders(value: unknown, egress: EgressClient, errors: FieldError[]): Record<string, string> {
  const fail = (message: string, name?: string) =>
    void errors.push({ path: name === undefined ? 'target.headers' : `target.headers.${name}`, message });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fail('must be an object of names and texts');
    return {};
  }
  const entries = Object.entries(value as Record<string, unknown>);
  if (entries.length > MAX_HEADERS) fail(`may have ${MAX_HEADERS} headers at the most`);
  const headers: Record<string, string> = {};
  for (const [name, text] of entries) {
    if (typeof text !== 'string') fail('must be a text', name);
    else if (OUR_HEADERS.test(name)) fail('is set by the platform', name);
    else headers[name.toLowerCase()] = text;
  }
  if (JSON.stringify(headers).length > MAX_HEADERS_LENGTH)
    fail(`may have ${MAX_HEADERS_LENGTH} characters at the most`);
  try {
    egress.check({ url: 'https://example.com', method: 'POST', headers });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    fail(error.detail);
  }
  return headers;
}

function readSchedule(
  { schedule = [...DEFAULT_RETRY_SCHEDULE], ...others }: JsonObject,
  errors: FieldError[],
): string[] {
  for (const name of Object.keys(others)) errors.push({ path: `retry.${name}`, message: 'is not a known field' });
  if (!Array.isArray(schedule) || schedule.length > MAX_RETRIES) {
    errors.push({
      path: 'retry.schedule',
      message: `must be a list of up to ${MAX_RETRIES} durations such as ["5s", "5m"]`,
    });
    return [];
  }
  return schedule.flatMap((delay, index) => {
    const ms = typeof delay === 'string' ? parseDurationMs(delay) : undefined;
    if (typeof delay === 'string' && ms !== undefined && ms <= MAX_RETRY_DELAY_MS) return [delay];
    const message = 'must be a duration such as 30s, 5m or 2h, of a week at the most';
    errors.push({ path: `retry.schedule[${index}]`, message });
    return [];
  });
}
