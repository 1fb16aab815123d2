import type { RunError } from '@agent-platform/contracts';
import { AppError, type ErrorCode } from '@agent-platform/errors';
import { ExpressionError } from '@agent-platform/expressions';

/** What a retry policy can tell apart. */
export type FailureKind = 'timeout' | 'network' | number;

/** An attempt of a step that failed. */
export class StepFailure extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    /** A status, a timeout or a network error; undefined for what another attempt cannot mend. */
    readonly kind?: FailureKind,
    /** What the peer asked for before another attempt. */
    readonly retryAfterMs?: number,
    /** Of `integration.down`: the one that is. */
    readonly integrationId?: string,
  ) {
    super(detail);
  }
}

/** What a person reads of a failure. */
export function toRunError(error: unknown): RunError {
  const known = error instanceof StepFailure || error instanceof AppError;
  const code = known ? error.code : error instanceof ExpressionError ? 'step.expression.failed' : 'internal';
  const detail = known || error instanceof ExpressionError ? detailOf(error) : 'The step failed on our side.';
  const { integrationId } = error instanceof StepFailure ? error : {};
  return { code, detail: detail.slice(0, 2000), ...(integrationId !== undefined && { integrationId }) };
}

function detailOf(error: StepFailure | AppError | ExpressionError): string {
  if (!(error instanceof ExpressionError)) return error.detail;
  const { path, line, column, expression, message } = error;
  return `${path}: ${message} (line ${line}, column ${column}${expression ? ` of \${{ ${expression} }}` : ''}).`;
}
