/** What a token endpoint gave (RFC 6749 section 5.1). */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly expiresInSeconds: number | undefined;
  /** Undefined where the answer does not say: those that were asked for. */
  readonly scopes: readonly string[] | undefined;
  /** All of it, for the name of the account. */
  readonly answer: Readonly<Record<string, unknown>>;
}

/** A token endpoint's answer: tokens, the error that it named (RFC 6749 section 5.2), or a sentence on what is wrong with it. */
export type TokenAnswer = { readonly tokens: Tokens } | { readonly error: string } | { readonly unusable: string };

/** All that can stand in an `Authorization: Bearer` header (RFC 6750 section 2.1), and what some providers give besides. */
const TOKEN = /^[\x21-\x7e]{1,16384}$/;
/** Used as a bearer token, whatever it is called: Slack says `bot` or `user`, GitHub once said `token`. */
const BEARER_TYPES = ['bearer', 'bot', 'user', 'token'];
const ERROR = /^[\x20-\x7e]{1,100}$/;
const MAX_SECONDS = 100 * 365 * 24 * 3600;

/** Reads JSON, or a form where the provider answers one (GitHub without `Accept`). */
export function readTokenAnswer(status: number, contentType: string, body: string): TokenAnswer {
  const answer = parse(contentType, body);
  if (!answer) return { unusable: `answered ${status} with neither JSON nor a form` };
  const { error, ok } = answer;
  if (typeof error === 'string' && (status >= 400 || ok === false || answer.access_token === undefined)) {
    return { error: ERROR.test(error) ? error : 'unknown_error' };
  }
  if (status < 200 || status > 299) return { unusable: `answered ${status}` };
  const { access_token: accessToken, refresh_token: refreshToken, token_type: type, expires_in: expiresIn } = answer;
  if (typeof accessToken !== 'string' || !TOKEN.test(accessToken)) return { unusable: 'gave no usable access token' };
  if (refreshToken !== undefined && refreshToken !== null && refreshToken !== '') {
    if (typeof refreshToken !== 'string' || !TOKEN.test(refreshToken))
      return { unusable: 'gave no usable refresh token' };
  }
  if (type !== undefined && !(typeof type === 'string' && BEARER_TYPES.includes(type.toLowerCase()))) {
    return { unusable: 'gave a token of a type that cannot be used as a bearer token' };
  }
  const seconds = typeof expiresIn === 'string' && /^\d{1,10}$/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  const isTime = typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0 && seconds < MAX_SECONDS;
  if (expiresIn !== undefined && expiresIn !== null && !isTime) return { unusable: 'gave an expiry that is no number' };
  return {
    tokens: {
      accessToken,
      refreshToken: typeof refreshToken === 'string' && refreshToken !== '' ? refreshToken : undefined,
      expiresInSeconds: isTime ? seconds : undefined,
      scopes:
        typeof answer.scope === 'string' ? answer.scope.split(/[\s,]+/).filter((scope) => scope !== '') : undefined,
      answer,
    },
  };
}

function parse(contentType: string, body: string): Record<string, unknown> | undefined {
  if (/x-www-form-urlencoded/i.test(contentType)) return Object.fromEntries(new URLSearchParams(body));
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
