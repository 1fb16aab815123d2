import { AppError, type FieldError } from './app-error';
import { ERRORS, type ErrorCode } from './catalogue';

const TYPE_BASE = 'https://agent-platform.dev/problems/';

/** RFC 9457 problem details with this product's extensions (`code` and what follows it). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** `urn:request:<id>`: this occurrence, to be quoted to the operator, who finds it in log and audit. */
  readonly instance: string;
  readonly code: ErrorCode;
  readonly requestId: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly missingCapability?: string;
  readonly integrationId?: string;
  readonly errors?: readonly FieldError[];
}

/** Without a better figure, a caller may come back after this. */
const DEFAULT_RETRY_AFTER_MS = 1000;

/** The problem document of any thrown value. What is no `AppError` becomes `internal` and shows nothing of itself. */
export function toProblem(thrown: unknown, requestId: string): Problem {
  const error =
    thrown instanceof AppError
      ? thrown
      : new AppError('internal', `Something went wrong on our side. Quote request ${requestId} to the operator.`);
  const { title, status } = ERRORS[error.code];
  const retryAfterMs = error.options.retryAfterMs ?? (status === 503 ? DEFAULT_RETRY_AFTER_MS : undefined);
  return {
    type: TYPE_BASE + error.code,
    title,
    status,
    detail: error.detail,
    instance: `urn:request:${requestId}`,
    code: error.code,
    requestId,
    retryable: error.retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(error.options.missingCapability !== undefined && { missingCapability: error.options.missingCapability }),
    ...(error.options.integrationId !== undefined && { integrationId: error.options.integrationId }),
    ...(error.options.errors !== undefined && { errors: error.options.errors }),
  };
}
