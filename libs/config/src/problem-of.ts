import { getMetadataStorage, type ValidationError } from 'class-validator';

/** An address that passes, by protocol. */
const URL_EXAMPLES: Readonly<Record<string, string>> = {
  nats: 'nats://127.0.0.1:4222',
  postgres: 'postgres://user:password@127.0.0.1:5432/database',
  http: 'http://127.0.0.1:3000',
  https: 'https://example.com',
};

/** One line that says what is wrong with a variable, without its value. */
export function problemOf(
  ConfigClass: new () => object,
  { property, constraints = {}, value }: ValidationError,
  variable: string,
  isSet: boolean,
): string {
  // class-validator lists the decorators from the last to the first.
  const demands = Object.entries(constraints)
    .reverse()
    .map(([rule, message]) => demandOf(ConfigClass, property, rule, message, value as unknown));
  const demand = [...new Set(demands)].join(' and ');
  return isSet ? `${variable} ${demand}` : `${variable} is not set; it ${demand}`;
}

function demandOf(
  ConfigClass: new () => object,
  property: string,
  rule: string,
  message: string,
  value: unknown,
): string {
  const metadata = getMetadataStorage()
    .getTargetValidationMetadatas(ConfigClass, '', false, false)
    .find((candidate) => candidate.propertyName === property && candidate.name === rule);
  // A message of our own may quote the value; those of class-validator never do.
  const quotesValue = String(value) !== '' && message.includes(String(value));
  if (metadata?.message !== undefined) return quotesValue ? 'is not valid' : withoutName(message, property);
  if (rule === 'isUrl') {
    const [options] = (metadata?.constraints ?? []) as [{ protocols?: string[] }?];
    return `must be a URL such as ${exampleOf(options?.protocols?.[0] ?? 'https')}`;
  }
  return withoutName(message, property);
}

function exampleOf(protocol: string): string {
  return URL_EXAMPLES[protocol] ?? `${protocol}://127.0.0.1`;
}

function withoutName(message: string, property: string): string {
  return message.startsWith(`${property} `) ? message.slice(property.length + 1) : message;
}
