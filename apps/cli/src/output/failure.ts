import { API, paramsOf } from '@agent-platform/api-description';
import { AgentPlatformError } from '@agent-platform/client';
import { nameOf } from '../actions/action-params';
import { wordsOf } from '../actions/action-commands';
import { CliError, EXIT, exitCodeOf } from '../exit-codes';
import { write } from '../io';
import type { Session } from '../session';
import { json, printable } from './printable';

/** Tells what went wrong on standard error, and answers the exit code. @param words of the command: `['agent', 'create']` */
export async function reportFailure(error: unknown, words: readonly string[], session: Session): Promise<number> {
  // What goes wrong while it tidies up is told; that it was interrupted, the user knows.
  if (isAbort(error)) return EXIT.interrupted;
  if (error instanceof AgentPlatformError) {
    await session.note(session.json ? json(problemOf(error)) : problemText(error, words));
    return exitCodeOf(error);
  }
  if (error instanceof CliError) {
    await session.note(
      session.json
        ? json({ detail: error.message, exitCode: error.exitCode })
        : `Error: ${error.message.split('\n').map(printable).join('\n')}`,
    );
    return error.exitCode;
  }
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  await write(session.io.stderr, `Error: agentctl itself has failed; please report this.\n${told}\n`);
  return EXIT.failed;
}

function isAbort(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'client.aborted' || code === 'ABORT_ERR';
}

/** The problem as the platform has answered it; of what never came there, code and detail. */
function problemOf({ code, message, details }: AgentPlatformError): object {
  return { ...details, code, detail: message };
}

/** What a person needs: what is wrong, where, what to do next, and what to quote. */
export function problemText(error: AgentPlatformError, words: readonly string[]): string {
  const params = API.actions.filter(({ name }) => wordsOf(name).join(' ') === words.join(' ')).flatMap(paramsOf);
  const fields = error.errors.map(({ path, message }) => {
    const [, name = '', rest = ''] = /^([^.[]*)(.*)$/s.exec(path) ?? [];
    const param = params.find((each) => each.name === name);
    const told = param ? nameOf(param) + (rest && ` ${rest.replace(/^\./, '')}`) : path;
    // The name is said already.
    return `  ${told}: ${message.startsWith(`${path} `) ? message.slice(path.length + 1) : message}`;
  });
  const hint = hintOf(error, words);
  return [
    `Error: ${error.message}`,
    ...fields,
    `  code ${error.code}${error.requestId ? `, request ${error.requestId}` : ''}`,
    ...(hint ? [hint] : []),
  ]
    .map(printable)
    .join('\n');
}

function hintOf(
  { code, status, retryAfterMs, missingCapability }: AgentPlatformError,
  words: readonly string[],
): string {
  if (missingCapability)
    return `The agent lacks ${missingCapability}. One with agent_manage can grant it: agentctl agent set-skills <id> --skills …`;
  if (code === 'client.network')
    return 'On this machine: npm start, or agentctl dev. Elsewhere: --url or AGENTCTL_URL.';
  if (code === 'auth.signature.missing') return 'Store the signing secret: agentctl login --signing-secret-file <file>';
  if (code === 'auth.signature.expired') return 'Set the clock of this machine.';
  if (status === 401) return 'Log in with a key that is valid: agentctl login';
  if (status === 404 && API.actions.some(({ name }) => name === `${words[0]}.list`))
    return `See what there is: agentctl ${words[0]} list`;
  if (status === 422 || status === 400) return `See what it takes: agentctl ${words.join(' ')} --help`;
  if (status === 412) return 'It has changed since it was read. Get it again, and decide anew.';
  if (retryAfterMs !== undefined) return `Try again in ${Math.ceil(retryAfterMs / 1000)} s.`;
  return '';
}
