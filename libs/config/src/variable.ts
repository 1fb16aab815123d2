import 'reflect-metadata';

const VARIABLE = Symbol('variable');

/** Names the environment variable of a property where it is not the property's name in UPPER_SNAKE. */
export function Variable(name: string): PropertyDecorator {
  return (target, property) => Reflect.defineMetadata(VARIABLE, name, target, property);
}

/** `natsUrl` → `NATS_URL`, `maxHTTPHeaders` → `MAX_HTTP_HEADERS`, or what `@Variable` says. */
export function variableOf(ConfigClass: new () => object, property: string): string {
  const named = Reflect.getMetadata(VARIABLE, ConfigClass.prototype as object, property) as string | undefined;
  return (
    named ??
    property
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
      .toUpperCase()
  );
}
