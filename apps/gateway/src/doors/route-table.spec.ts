import { ACTIONS } from '@agent-platform/contracts';
import { RouteTable } from './route-table';

const routes = new RouteTable();
const ID = '01938f9e-7c1e-7000-8000-000000000001';

describe('RouteTable', () => {
  it('finds every action of the registry at its method and path, with its params', () => {
    for (const action of ACTIONS) {
      const path = action.http.path.replace(/\{(\w+)\}/g, (_whole, name: string) => `value-of-${name}`);
      const names = [...action.http.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
      const pathParams = Object.fromEntries(names.map((name) => [name, `value-of-${name}`]));
      expect(routes.find(action.http.method, path)).toEqual({ kind: 'found', route: { action, pathParams } });
    }
  });

  it('tells a wrong method from an unknown path, and names the right ones', () => {
    expect(routes.find('PUT', '/v1/workflows')).toEqual({ kind: 'wrong-method', allowed: ['GET', 'POST'] });
    for (const path of [
      '/',
      '/v1',
      '/v1/',
      '/v1/workflows/',
      `/v1/workflows/${ID}/`,
      '/v1/workflowsx',
      '//v1/workflows',
    ]) {
      expect(routes.find('GET', path).kind).toBe('unknown');
    }
  });

  it('reads escapes in a segment, and refuses broken ones', () => {
    expect(routes.find('GET', '/v1/workflows/a%2Fb')).toMatchObject({ route: { pathParams: { id: 'a/b' } } });
    expect(routes.find('GET', '/v1/workflows/%E0%A4%A')).toEqual({ kind: 'malformed' });
  });
});
