import { ACTIONS, type ActionDefinition } from '@agent-platform/contracts';

/** Where a REST request leads: an action with the params of its path. */
export interface Route {
  readonly action: ActionDefinition;
  readonly pathParams: Readonly<Record<string, string>>;
}

export type RouteResult =
  | { readonly kind: 'found'; readonly route: Route }
  | { readonly kind: 'wrong-method'; readonly allowed: readonly string[] }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'malformed' };

interface Node {
  readonly fixed: Map<string, Node>;
  /** The branch for `{param}`, which takes any one segment. */
  parameter: Node | undefined;
  readonly actions: Map<string, { action: ActionDefinition; names: readonly string[] }>;
}

/** The REST routes, made from the registry: a tree by path segment, fixed segments before parameters. */
export class RouteTable {
  private readonly root = newNode();

  constructor(actions: readonly ActionDefinition[] = ACTIONS) {
    for (const action of actions) this.add(action);
  }

  /** @param path without the query string */
  find(method: string, path: string): RouteResult {
    const values: string[] = [];
    let node = this.root;
    for (const segment of path.slice(1).split('/')) {
      const fixed = node.fixed.get(segment);
      if (fixed) {
        node = fixed;
        continue;
      }
      if (!node.parameter || segment === '') return { kind: 'unknown' };
      const value = decode(segment);
      if (value === undefined) return { kind: 'malformed' };
      values.push(value);
      node = node.parameter;
    }
    if (node.actions.size === 0) return { kind: 'unknown' };
    const found = node.actions.get(method);
    if (!found) return { kind: 'wrong-method', allowed: [...node.actions.keys()] };
    const pathParams = Object.fromEntries(found.names.map((name, index) => [name, values[index] ?? '']));
    return { kind: 'found', route: { action: found.action, pathParams } };
  }

  private add(action: ActionDefinition): void {
    const names: string[] = [];
    let node = this.root;
    for (const segment of action.http.path.slice(1).split('/')) {
      const parameter = /^\{(\w+)\}$/.exec(segment)?.[1];
      if (parameter) {
        names.push(parameter);
        node = node.parameter ??= newNode();
      } else {
        let next = node.fixed.get(segment);
        if (!next) node.fixed.set(segment, (next = newNode()));
        node = next;
      }
    }
    node.actions.set(action.http.method, { action, names });
  }
}

function newNode(): Node {
  return { fixed: new Map(), parameter: undefined, actions: new Map() };
}

function decode(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
