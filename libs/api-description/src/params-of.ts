import { API, type ActionDescription, type JsonSchema } from './api';

/** One field of an action's params, and where it stands in a request over REST. */
export interface ParamDescription {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
  readonly in: 'path' | 'query' | 'body';
}

/** The params of an action in the order of their declaration, those of the path first. */
export function paramsOf(action: Pick<ActionDescription, 'request' | 'path' | 'method' | 'query'>): ParamDescription[] {
  const { properties = {}, required = [] } = API.schemas[action.request] ?? {};
  const inPath = [...action.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
  // A request without a body has all that is not in its path in the query string.
  const hasBody = action.method !== 'GET' && action.method !== 'DELETE';
  const placeOf = (name: string) =>
    inPath.includes(name) ? 'path' : hasBody && !action.query?.includes(name) ? 'body' : 'query';
  const others = Object.keys(properties).filter((name) => !inPath.includes(name));
  return [...inPath, ...others].map((name) => ({
    name,
    schema: properties[name] ?? {},
    required: required.includes(name),
    in: placeOf(name),
  }));
}
