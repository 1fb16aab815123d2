import type { AgentPlatformError } from '@agent-platform/client';

/** What the tool ends with; `agentctl --help` and docs/cli.md list the same. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unauthorized: 3,
  notFound: 4,
  conflict: 5,
  unavailable: 6,
  cancelled: 7,
  interrupted: 130,
} as const;

export const EXIT_CODES_HELP = `
Exit codes:
  0  done                          4  no such thing (404)
  1  failed, or refused (4xx)      5  a conflict or a failed precondition (409, 412)
  2  wrong usage                   6  not reachable, overloaded or rate limited, after retries
  3  no key, or no right (401/403) 7  the run that was watched was cancelled
                                 130  interrupted
`;

/** A failure that is told in its own words, without a stack. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly exitCode: number = EXIT.usage,
  ) {
    super(message);
  }
}

/** The exit code of what the platform, or the way to it, has answered. */
export function exitCodeOf({ code, status }: Pick<AgentPlatformError, 'code' | 'status'>): number {
  if (code === 'client.network' || code === 'client.timeout') return EXIT.unavailable;
  if (status === 401 || status === 403) return EXIT.unauthorized;
  if (status === 404) return EXIT.notFound;
  if (status === 409 || status === 412) return EXIT.conflict;
  if (status === 429 || status >= 502) return EXIT.unavailable;
  return EXIT.failed;
}
