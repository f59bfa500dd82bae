import { methodsOf, routes } from '../../shared/contracts/routes.ts';

/** A route as it matched a request. */
export interface LocalRoute {
  readonly function: string;
  readonly routeKey: string;
  readonly parameters: Readonly<Record<string, string>> | undefined;
  /** Requests need no caller. */
  readonly public: boolean;
}

export type RouteMatch =
  | { readonly kind: 'found'; readonly route: LocalRoute }
  | { readonly kind: 'wrong-method'; readonly allow: readonly string[] }
  | { readonly kind: 'unknown' };

interface Pattern {
  readonly method: string;
  readonly segments: readonly string[];
  readonly function: string;
  readonly routeKey: string;
  readonly public: boolean;
}

const exact = new Map<string, RouteMatch>();
const patterns: Pattern[] = [];
for (const route of routes) {
  const { path, function: name } = route;
  for (const method of methodsOf(route)) {
    const found = { function: name, routeKey: `${method} ${path}`, public: 'public' in route };
    if (path.includes('{')) patterns.push({ ...found, method, segments: path.split('/') });
    else exact.set(found.routeKey, { kind: 'found', route: { ...found, parameters: undefined } });
  }
}

/** Finds the route of a request by the contracts' table. */
// Same type: the order of a request line.
export function matchRoute(method: string, path: string): RouteMatch {
  const found = exact.get(`${method} ${path}`);
  if (found !== undefined) return found;
  const segments = path.split('/');
  const allow = new Set<string>();
  for (const pattern of patterns) {
    const parameters = bind(pattern.segments, segments);
    if (parameters === undefined) continue;
    if (pattern.method === method) {
      const { function: name, routeKey, public: isPublic } = pattern;
      return { kind: 'found', route: { function: name, routeKey, parameters, public: isPublic } };
    }
    allow.add(pattern.method);
  }
  for (const route of routes) {
    if (route.path === path) for (const allowed of methodsOf(route)) allow.add(allowed);
  }
  return allow.size === 0 ? { kind: 'unknown' } : { kind: 'wrong-method', allow: [...allow] };
}

function bind(
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? '';
    if (!part.startsWith('{')) {
      if (part !== segment) return undefined;
    } else {
      const value = decode(segment);
      if (value === undefined || value === '') return undefined;
      parameters[part.slice(1, -1)] = value;
    }
  }
  return parameters;
}

/** The decoded segment; undefined when its escapes are not UTF-8. */
function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
