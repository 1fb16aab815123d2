import { ERRORS, type ErrorCode } from './catalogue';

/** One failing place of a request: `path` is a dotted path into the params (`steps[1].if`), `message` a sentence. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** Every failing path of a request or definition. */
  readonly errors?: readonly FieldError[];
  /** When a retry is worth it; also sent as `Retry-After`, in whole seconds. */
  readonly retryAfterMs?: number;
  /** Only with `request.method.not-allowed`; sent as `Allow`. */
  readonly allowedMethods?: readonly string[];
  /** Only with `auth.capability.missing`. */
  readonly missingCapability?: string;
  /** Only with `integration.down`. */
  readonly integrationId?: string;
}

/**
 * A failure that was foreseen: its code is in the catalogue, and `detail` is safe to show to the caller (ids and limits,
 * never SQL, stacks or secrets). Anything else that is thrown reaches the caller as `internal`.
 */
export class AppError extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    readonly options: AppErrorOptions = {},
  ) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    const entry = ERRORS[this.code];
    return 'retryable' in entry && entry.retryable;
  }
}
