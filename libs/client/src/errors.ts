import type { ProblemCode } from './generated/types';

/** What goes wrong before the platform has answered. */
export type ClientCode =
  | 'client.network'
  | 'client.timeout'
  | 'client.aborted'
  | 'client.params.invalid'
  | 'client.answer.unreadable'
  | 'client.webhook.invalid'
  | 'client.proof.invalid';

export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

/** What the platform answers when something goes wrong (RFC 9457), as far as it applies. */
export interface ProblemDetails {
  readonly title?: string;
  readonly status?: number;
  readonly requestId?: string;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly missingCapability?: string;
  readonly integrationId?: string;
  readonly errors?: readonly FieldProblem[];
}

/** Everything that this package throws: `code` says what went wrong, `message` what to do next. */
export class AgentPlatformError extends Error {
  override readonly name = 'AgentPlatformError';
  /** 0 where the platform has not answered. */
  readonly status: number;
  /** Quote it to the operator of the platform. */
  readonly requestId: string | undefined;
  /** The same request may succeed later. */
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly missingCapability: string | undefined;
  /** Every field that is not valid. */
  readonly errors: readonly FieldProblem[];

  constructor(
    readonly code: ProblemCode | ClientCode,
    message: string,
    readonly details: ProblemDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = details.status ?? 0;
    this.requestId = details.requestId;
    this.retryable = details.retryable ?? false;
    this.retryAfterMs = details.retryAfterMs;
    this.missingCapability = details.missingCapability;
    this.errors = details.errors ?? [];
  }
}

/** Of an answer that is something else than it should be, such as the page of a proxy. */
export function unreadable(expected: string, cause?: unknown): AgentPlatformError {
  const message = `The answer is not ${expected}. Check the URL, and what is between.`;
  return new AgentPlatformError('client.answer.unreadable', message, {}, { cause });
}

/** The error of an answer from 400 on. What is no problem, such as the page of a proxy, is one by its status. */
export function errorOf(status: number, text: string, retryAfter: string | null): AgentPlatformError {
  const wait = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : undefined;
  let problem: Record<string, unknown> = {};
  try {
    problem = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Told below.
  }
  if (typeof problem.code !== 'string') {
    const retryable = status === 429 || status >= 502;
    const message = `Something on the way answered ${status} instead of the platform. Check the URL, and what is between.`;
    return new AgentPlatformError('client.answer.unreadable', message, { status, retryable, retryAfterMs: wait });
  }
  const { code, detail, ...details } = problem as unknown as { code: ProblemCode; detail?: string } & ProblemDetails;
  return new AgentPlatformError(code, detail ?? code, { ...details, retryAfterMs: details.retryAfterMs ?? wait });
}
