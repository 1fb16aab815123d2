import { ValidateBy, type ValidationArguments } from 'class-validator';
import { X509Certificate } from 'node:crypto';
import { variableOf } from './variable';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** One certificate or several in PEM: the authorities that the other side's certificate must come from. */
export function IsCertificates(): PropertyDecorator {
  return ValidateBy({
    name: 'isCertificates',
    validator: { validate: areCertificates, defaultMessage: () => 'must be certificates in PEM' },
  });
}

/** A password that is given apart from its URL, which then has none itself. */
export function IsPasswordOf(urlProperty: string): PropertyDecorator {
  return ValidateBy({
    name: 'isPasswordOf',
    validator: {
      validate: (value, given) => {
        const url = urlOf(given, urlProperty);
        return typeof value === 'string' && (url === undefined || (url.username !== '' && url.password === ''));
      },
      defaultMessage: (given) => `needs a user without a password in ${nameOf(given, urlProperty)}`,
    },
  });
}

/** Authorities that a server's certificate is checked against, which its URL must not forbid. */
export function IsCheckedBy(urlProperty: string): PropertyDecorator {
  return ValidateBy({
    name: 'isCheckedBy',
    validator: {
      validate: (_value, given) =>
        !['disable', 'no-verify'].includes(urlOf(given, urlProperty)?.searchParams.get('sslmode') ?? ''),
      defaultMessage: (given) => `needs sslmode=verify-full in ${nameOf(given, urlProperty)}`,
    },
  });
}

function areCertificates(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const certificates = value.match(CERTIFICATE) ?? [];
  try {
    return certificates.map((pem) => new X509Certificate(pem)).length > 0;
  } catch {
    return false;
  }
}

function urlOf(given: ValidationArguments | undefined, property: string): URL | undefined {
  const url: unknown = given && Reflect.get(given.object, property);
  return typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
}

function nameOf(given: ValidationArguments | undefined, property: string): string {
  return given ? variableOf(given.object.constructor as new () => object, property) : property;
}
