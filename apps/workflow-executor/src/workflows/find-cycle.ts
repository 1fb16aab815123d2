/** A cycle of a graph given as `node → what it waits for`, as the path of its nodes; undefined where there is none. */
export function findCycle(needs: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  // Kahn's algorithm: take away what waits for nothing; what is left over holds a cycle.
  const left = new Map([...needs].map(([id, list]) => [id, new Set(list.filter((need) => needs.has(need)))]));
  const dependants = new Map<string, string[]>();
  for (const [id, list] of left) for (const need of list) dependants.set(need, [...(dependants.get(need) ?? []), id]);
  const free = [...left].filter(([, list]) => list.size === 0).map(([id]) => id);
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    left.delete(id);
    for (const dependant of dependants.get(id) ?? []) {
      const list = left.get(dependant);
      list?.delete(id);
      if (list?.size === 0) free.push(dependant);
    }
  }
  const [start] = left.keys();
  if (start === undefined) return undefined;
  const path = [start];
  for (;;) {
    const [next] = left.get(path.at(-1) ?? start) ?? [];
    if (next === undefined) return path;
    const seen = path.indexOf(next);
    if (seen >= 0) return [...path.slice(seen), next];
    path.push(next);
  }
}
