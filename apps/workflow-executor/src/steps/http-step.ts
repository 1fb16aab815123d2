import type { Json, JsonObject } from '@agent-platform/contracts';
import { EgressClient, retryAfterMsOf, type EgressResponse } from '@agent-platform/egress';
import { AppError, type ErrorCode } from '@agent-platform/errors';
import { isTooDeep, MAX_JSON_DEPTH } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';
import { StepFailure, type FailureKind } from '../engine/step-failure';

/** What one attempt may use. */
export interface AttemptContext {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The same for every attempt of a step, so that the peer can tell a repetition. */
  readonly idempotencyKey: string;
}

const KINDS: Partial<Record<ErrorCode, FailureKind>> = {
  'egress.timeout': 'timeout',
  'egress.connection.failed': 'network',
  'egress.connection.lost': 'network',
};
const METHODS_WITHOUT_BODY = ['GET', 'HEAD'];

/** The step type `http`: one guarded request, answering `{status, headers, body}`. */
@Injectable()
export class HttpStep {
  constructor(private readonly egress: EgressClient) {}

  /** @throws StepFailure; the signal's reason when it was told to stop */
  async attempt(input: JsonObject, { timeoutMs, signal, idempotencyKey }: AttemptContext): Promise<Json> {
    const request = readInput(input);
    const response = await this.send({
      ...request,
      headers: { 'idempotency-key': idempotencyKey, ...request.headers },
      propagates: true,
      timeoutMs,
      signal,
    });
    if (!isExpected(response.status, input.expectStatus)) {
      const { status, headers, url } = response;
      throw new StepFailure(
        'step.http.status',
        `${new URL(url).host} answered ${status}.`,
        status,
        retryAfterMsOf(headers),
      );
    }
    return { status: response.status, headers: { ...response.headers }, body: parseBody(response) };
  }

  /** Refuses what an attempt would refuse before it opens a connection. @throws StepFailure, AppError */
  check(input: JsonObject): void {
    this.egress.check(readInput(input));
  }

  private async send(request: Parameters<EgressClient['request']>[0]): Promise<EgressResponse> {
    try {
      return await this.egress.request(request);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw new StepFailure(error.code, error.detail, KINDS[error.code]);
    }
  }
}

function readInput({ method = 'GET', url, query, headers, body }: JsonObject) {
  if (typeof method !== 'string' || typeof url !== 'string') {
    throw new StepFailure('step.input.invalid', 'method and url must be text.');
  }
  const isText = typeof body === 'string';
  const sent =
    body === undefined || body === null || METHODS_WITHOUT_BODY.includes(method)
      ? undefined
      : isText
        ? body
        : JSON.stringify(body);
  const type: Record<string, string> =
    sent === undefined ? {} : { 'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json' };
  return {
    method,
    url,
    query: textFields(query, 'query'),
    headers: { ...type, ...lowerCased(textFields(headers, 'headers')) },
    ...(sent !== undefined && { body: sent }),
  };
}

function textFields(fields: Json | undefined, name: string): Record<string, string> {
  if (fields === undefined || fields === null) return {};
  if (typeof fields !== 'object' || Array.isArray(fields)) {
    throw new StepFailure('step.input.invalid', `${name} must be an object.`);
  }
  const entries = Object.entries(fields).filter(([, value]) => value !== null);
  if (entries.some(([, value]) => typeof value === 'object')) {
    throw new StepFailure('step.input.invalid', `${name} must hold text, numbers or booleans.`);
  }
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value as string | number | boolean)]));
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Whether a status is one that a step expects; without a word on it any of 2xx is. */
export function isExpected(status: number, expected: Json | undefined): boolean {
  if (expected === undefined || expected === null) return status >= 200 && status < 300;
  return Array.isArray(expected) ? expected.includes(status) : expected === status;
}

/** Parsed where it says that it is JSON and it is; text otherwise. */
function parseBody({ headers, body }: EgressResponse): Json {
  const text = body.toString('utf8');
  if (!/\bjson\b/i.test(headers['content-type'] ?? '')) return text;
  if (isTooDeep(body)) {
    throw new StepFailure('step.output.too-deep', `The answer is JSON nested more than ${MAX_JSON_DEPTH} levels deep.`);
  }
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
