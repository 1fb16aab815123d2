import { findCycle } from './find-cycle';
import type { CompiledBlock, CompiledStep } from './definition';
import type { DefinitionProblems } from './definition-problems';

/**
 * Checks what stands between steps: that each need and each goto names a step of the same block, that there is no cycle,
 * and that expressions read only what surely ran before.
 *
 * @param ids all ids of the definition, with their places
 */
export function checkReferences(
  block: CompiledBlock,
  ids: ReadonlyMap<string, string>,
  problems: DefinitionProblems,
): void {
  new ReferenceCheck(ids, problems).block(block, new Set());
}

class ReferenceCheck {
  constructor(
    private readonly ids: ReadonlyMap<string, string>,
    private readonly problems: DefinitionProblems,
  ) {}

  /** @param outside ids that ran before the block as a whole */
  block({ steps }: CompiledBlock, outside: ReadonlySet<string>): void {
    const here = new Map(steps.map((step) => [step.id, step]));
    const before = this.problems.errors.length;
    for (const step of steps) this.links(step, here);
    if (this.problems.errors.length > before) return;
    const cycle = findCycle(new Map(steps.map(({ id, needs }) => [id, needs])));
    if (cycle) {
      this.problems.fail(`${this.ids.get(cycle[0] ?? '')}.needs`, `is a cycle: ${cycle.join(' → ')}`);
      return;
    }
    const ancestors = ancestorsOf(here);
    for (const step of steps) this.reads(step, new Set([...outside, ...(ancestors.get(step.id) ?? [])]));
  }

  private links({ id, needs, onError }: CompiledStep, here: ReadonlyMap<string, CompiledStep>): void {
    const path = this.ids.get(id) ?? '';
    const missing = (target: string) =>
      this.ids.has(target)
        ? `names ${target}, which is not beside it but at ${this.ids.get(target)}`
        : `names ${target}, and there is no such step`;
    for (const need of needs) if (!here.has(need)) this.problems.fail(`${path}.needs`, missing(need));
    if (typeof onError === 'object' && !here.has(onError.goto)) {
      this.problems.fail(`${path}.onError.goto`, missing(onError.goto));
    }
  }

  private reads(step: CompiledStep, readable: ReadonlySet<string>): void {
    const { id, condition, compensate, mock, match } = step;
    const path = this.ids.get(id) ?? '';
    const check = (template: CompiledStep['condition'], field: string, more?: string) => {
      for (const ref of template?.stepRefs ?? []) {
        if (!readable.has(ref) && ref !== more) this.problems.fail(`${path}.${field}`, this.why(ref));
      }
    };
    check(condition, 'if');
    check(step.with, 'with');
    check(match, 'with');
    check(mock, 'with.mock');
    check(compensate?.condition, 'compensate.if', id);
    check(compensate?.with, 'compensate.with', id);
    for (const branch of step.branches?.values() ?? []) this.block(branch, readable);
    if (step.body) this.block(step.body, readable);
  }

  private why(ref: string): string {
    const place = this.ids.get(ref);
    if (place === undefined) return `reads steps.${ref}, and there is no such step`;
    const isInside = place.includes('.with.');
    const advice = isInside ? 'steps inside of another are read as the output of that one' : 'add it to needs';
    return `reads steps.${ref}, which does not surely run before it; ${advice}`;
  }
}

/** All that each step waits for, however many steps lie between. The needs are known to have no cycle. */
function ancestorsOf(steps: ReadonlyMap<string, CompiledStep>): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, Set<string>>();
  // Without recursion: a chain may be as long as a definition.
  for (const start of steps.keys()) {
    const open = [start];
    while (open.length > 0) {
      const id = open.at(-1) ?? '';
      const needs = steps.get(id)?.needs ?? [];
      const left = known.has(id) ? [] : needs.filter((need) => !known.has(need));
      if (left.length > 0) {
        open.push(...left);
        continue;
      }
      open.pop();
      if (known.has(id)) continue;
      const found = new Set<string>(needs);
      for (const need of needs) for (const ancestor of known.get(need) ?? []) found.add(ancestor);
      known.set(id, found);
    }
  }
  return known;
}
