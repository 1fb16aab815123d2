import type { JsonObject } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { Credential } from '../connections/credential';
import type { ApiKeyAuth } from '../integrations/auth-definition';
import { isAllowedHost } from '../integrations/hosts';

/** The part of a definition that a call needs. */
export interface Target {
  readonly baseUrl: string;
  readonly auth: JsonObject;
  readonly allowedHosts: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Adds the credential to a request: to its headers, its query, or its path.
 *
 * @throws AppError `integration.host.not-allowed` where the URL's host is not one of the definition's, or not one that the
 *   credential was given for
 */
export function inject(
  { baseUrl, auth, allowedHosts }: Target,
  credential: Credential,
  url: URL,
): { readonly url: URL; readonly headers: Readonly<Record<string, string>> } {
  if (!isAllowedHost(url, allowedHosts)) {
    throw new AppError('integration.host.not-allowed', `${url.host} is none of the hosts of this integration.`);
  }
  if (!isAllowedHost(url, credential.hosts)) {
    throw new AppError(
      'integration.host.not-allowed',
      `The connection was made before ${url.host} became a host of this integration. Connect it again.`,
    );
  }
  switch (credential.type) {
    case 'oauth2':
      return { url, headers: { authorization: `Bearer ${credential.accessToken}` } };
    case 'basic':
      return { url, headers: { authorization: `Basic ${basicOf(credential)}` } };
    case 'api_key':
      return withApiKey(url, new URL(baseUrl), auth, credential.apiKey);
  }
}

/** RFC 7617 section 2. */
export function basicOf({ username, password }: { readonly username: string; readonly password: string }): string {
  return Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
}

function withApiKey(url: URL, base: URL, { header, prefix = '', query, pathPrefix }: ApiKeyAuth, apiKey: string) {
  if (header !== undefined) return { url, headers: { [header.toLowerCase()]: `${prefix}${apiKey}` } };
  const target = new URL(url);
  if (query !== undefined) target.searchParams.set(query, apiKey);
  else if (pathPrefix !== undefined) {
    const basePath = base.pathname.replace(/\/+$/, '');
    const key = encodeURIComponent(apiKey).replaceAll('%3A', ':');
    target.pathname = `${basePath}${pathPrefix.replace('{key}', () => key)}${url.pathname.slice(basePath.length)}`;
  }
  return { url: target, headers: {} };
}
