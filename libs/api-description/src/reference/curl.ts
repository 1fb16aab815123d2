import type { ActionDescription } from '../api';
import { paramsOf } from '../params-of';

/** The example of an action as a command; the key is in `$KEY`, the gateway in `$URL`. */
export function curlOf(action: ActionDescription): string {
  const { method, path, example } = action;
  const params = paramsOf(action).filter(({ name }) => example[name] !== undefined);
  const given = (place: string) => params.filter((param) => param.in === place);
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const query = given('query').map(({ name }) => `${name}=${encodeURIComponent(text(example[name]))}`);
  const filled = given('path').reduce(
    (whole, { name }) => whole.replace(`{${name}}`, encodeURIComponent(text(example[name]))),
    path,
  );
  const body = Object.fromEntries(given('body').map(({ name }) => [name, example[name]]));
  const hasBody = Object.keys(body).length > 0;
  return [
    'curl',
    ...(method === 'GET' || (method === 'POST' && hasBody) ? [] : [`-X ${method}`]),
    `"$URL${filled}${query.length > 0 ? `?${query.join('&')}` : ''}"`,
    '-H "Authorization: Bearer $KEY"',
    ...(hasBody
      ? ['-H "Content-Type: application/json"', `-d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`]
      : []),
  ].join(' ');
}
