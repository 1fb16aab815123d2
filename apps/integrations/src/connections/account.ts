import { EgressClient } from '@agent-platform/egress';
import { AppError } from '@agent-platform/errors';
import { Injectable } from '@nestjs/common';
import type { AccountSource } from '../integrations/auth-definition';
import { inject, type Target } from '../calls/inject-credential';
import { Scrubber, secretsOf } from '../calls/scrubber';
import type { Credential } from './credential';

const TIMEOUT_MS = 10_000;
const MAX_NAME_LENGTH = 200;

/** Finds out whose account a new credential is of, and that the provider takes it. */
@Injectable()
export class Accounts {
  constructor(private readonly egress: EgressClient) {}

  /**
   * Null where the provider does not say, or cannot be asked now.
   *
   * @param tokenAnswer of a token endpoint
   * @param clientSecret which a provider may give back like the credential itself
   * @throws AppError `integration.credential.refused` where the provider answers 401 or 403
   */
  async find(
    source: AccountSource | undefined,
    target: Target,
    credential: Credential,
    tokenAnswer: Readonly<Record<string, unknown>> = {},
    clientSecret = '',
  ): Promise<string | null> {
    const found = await this.look(source, target, credential, tokenAnswer);
    return found === null ? null : new Scrubber([...secretsOf(credential), clientSecret]).text(found);
  }

  private async look(
    source: AccountSource | undefined,
    target: Target,
    credential: Credential,
    tokenAnswer: Readonly<Record<string, unknown>>,
  ): Promise<string | null> {
    if (source?.tokenField !== undefined) return nameIn(tokenAnswer, source.tokenField);
    if (source?.path === undefined || source.field === undefined) return null;
    const { url, headers } = inject(target, credential, new URL(`${target.baseUrl}${source.path}`));
    let answer;
    try {
      answer = await this.egress.request({
        method: 'GET',
        url: url.href,
        headers: { accept: 'application/json', ...target.headers, ...headers },
        timeoutMs: TIMEOUT_MS,
        checkRedirect: (_to, from) => {
          throw new AppError('egress.url.invalid', `${from.host} redirects.`);
        },
      });
    } catch (error) {
      if (error instanceof AppError) return null;
      throw error;
    }
    if (answer.status === 401 || answer.status === 403) {
      throw new AppError(
        'integration.credential.refused',
        `${url.host} answered ${answer.status} to the credential, so it was not stored. Check it and connect again.`,
      );
    }
    try {
      return answer.status === 200 ? nameIn(JSON.parse(answer.body.toString('utf8')), source.field) : null;
    } catch {
      return null;
    }
  }
}

function nameIn(value: unknown, field: string): string | null {
  let found = value;
  for (const part of field.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part)) return null;
    found = (found as Record<string, unknown>)[part];
  }
  return typeof found === 'string' || typeof found === 'number' ? String(found).slice(0, MAX_NAME_LENGTH) : null;
}
