import type { Json } from '@agent-platform/contracts';
import type { Credential } from '../connections/credential';
import { basicOf } from './inject-credential';

const HIDDEN = '***';
/** What is shorter stands in ordinary text too; such a part of a credential is hidden within the whole of it alone. */
const MIN_SECRET_LENGTH = 6;
/** Of base64 that is part of a longer one: shorter ones would hide what is no secret. */
const MIN_BASE64_LENGTH = 8;

/**
 * Takes a credential out of what a provider answers, in clear and in the forms in which servers echo it: percent-encoded, as a
 * form, in JSON and HTML, in hex, and in base64 wherever in a longer text it began.
 */
export class Scrubber {
  private readonly pattern: RegExp | undefined;
  private readonly shortest: number;

  constructor(secrets: readonly string[]) {
    const forms = [...new Set(secrets.filter(({ length }) => length >= MIN_SECRET_LENGTH).flatMap(formsOf))];
    // The longest first: one that holds another goes as a whole.
    forms.sort((a, b) => b.length - a.length);
    this.shortest = forms.at(-1)?.length ?? Infinity;
    this.pattern = forms.length === 0 ? undefined : new RegExp(forms.map(patternOf).join('|'), 'g');
  }

  /** A text without the secrets. */
  text(text: string): string {
    return this.pattern === undefined || text.length < this.shortest ? text : text.replace(this.pattern, HIDDEN);
  }

  /** A JSON value without them, names of fields too. */
  json(value: Json): Json {
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object' || value === null) return typeof value === 'number' ? this.number(value) : value;
    if (Array.isArray(value)) return value.map((item) => this.json(item));
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [this.text(name), this.json(item)]));
  }

  /** A password may be digits alone. */
  private number(value: number): Json {
    const text = String(value);
    return this.text(text) === text ? value : HIDDEN;
  }
}

/** What must not be shown of a credential. */
export function secretsOf(credential: Credential): string[] {
  switch (credential.type) {
    case 'api_key':
      return [credential.apiKey];
    case 'oauth2':
      return [credential.accessToken, ...(credential.refreshToken === undefined ? [] : [credential.refreshToken])];
    case 'basic': {
      const { username, password } = credential;
      // With a short password or none the key is the user name, as with Stripe.
      const parts = password.length < MIN_SECRET_LENGTH ? [username, password] : [password];
      return [...parts, `${username}:${password}`, basicOf(credential)];
    }
  }
}

/** The forms that begin with `%` match in both cases of their digits. */
function patternOf(form: string): string {
  const escaped = form.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  return escaped.replace(
    /%([0-9A-Fa-f]{2})/g,
    (_whole, digits: string) =>
      `%${[...digits].map((digit) => `[${digit.toLowerCase()}${digit.toUpperCase()}]`).join('')}`,
  );
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const json = JSON.stringify(secret).slice(1, -1);
  const encoded = encodeURIComponent(secret);
  // RFC 3986 leaves `!'()*` as they are; many encoders do not.
  const strict = encoded.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
  const allEncoded = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const hex = bytes.toString('hex');
  const html = secret
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
  return [
    secret,
    json,
    json.replaceAll('/', '\\/'),
    JSON.stringify(json).slice(1, -1),
    encoded,
    strict,
    encodeURIComponent(encoded),
    encodeURIComponent(strict),
    strict.replaceAll('%20', '+'),
    allEncoded,
    html,
    html.replaceAll("'", '&#39;'),
    html.replaceAll("'", '&#x27;'),
    hex,
    hex.toUpperCase(),
    ...base64FormsOf(bytes),
  ];
}

/** Base64 of a text that holds the secret at any place: what of it depends on the secret alone, in both alphabets. */
function base64FormsOf(bytes: Buffer): string[] {
  const forms = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // Of the first group and the last, what other bytes share is left out.
    const start = offset === 0 ? 0 : offset + 1;
    const isWhole = (offset + bytes.length) % 3 === 0;
    return [text.slice(start, isWhole ? undefined : -1)];
  });
  return forms
    .filter(({ length }) => length >= MIN_BASE64_LENGTH)
    .flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_'), encodeURIComponent(form)]);
}
