import { LIMITS } from './limits.ts';

/** Work that expansion may still do for one file; shared by all tasks. */
export interface ExpansionBudget {
  steps: number;
}

/** Variables of one task. What comes from outside the file wins over what the file says. */
export interface Variables {
  /** Sets a variable of the task. */
  set(name: string, value: string): void;
  remove(name: string): void;
  /** The task's own variables, as they go into its message: unexpanded, without those from outside. */
  own(): ReadonlyMap<string, string>;
  /** Value with all variables in it replaced; the empty string when there is none, undefined when it grows too long. */
  lookup(name: string): string | undefined;
  /** Replaces variables in a text; undefined when the result grows beyond the limit. */
  expand(text: string): string | undefined;
}

const ROUNDS = 10;

/** Order by Unicode code points, which is the order of the UTF-8 bytes. */
export function compareBytes(left: string, right: string): number {
  const [leftPoints, rightPoints] = [[...left], [...right]];
  for (let index = 0; index < Math.min(leftPoints.length, rightPoints.length); index += 1) {
    const difference = (leftPoints[index]?.codePointAt(0) ?? 0) - (rightPoints[index]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return leftPoints.length - rightPoints.length;
}

/** Replaces every `needle`, unless the result would be longer than a value may be. */
function replaceBounded(text: string, needle: string, value: string): string | undefined {
  const parts = text.split(needle);
  if (parts.length === 1) return text;
  const length = text.length + (parts.length - 1) * (value.length - needle.length);
  return length > LIMITS.expandedLength ? undefined : parts.join(value);
}

/** One pass over all names: `$NAME`, `${NAME}`, `%NAME%`, textually, so that `$FOO` also matches inside `$FOOBAR`. */
function expandOnce(text: string, values: readonly (readonly [string, string])[]): string | undefined {
  let current = text;
  for (const [name, value] of values) {
    if (!current.includes(name)) continue;
    for (const needle of [`$${name}`, `\${${name}}`, `%${name}%`]) {
      const replaced = replaceBounded(current, needle, value);
      if (replaced === undefined) return undefined;
      current = replaced;
    }
  }
  return current;
}

/** `outside` are the variables that are known before the file is read. */
export function createVariables(outside: Readonly<Record<string, string>>, budget: ExpansionBudget): Variables {
  const task = new Map<string, string>();
  let sorted: (readonly [string, string])[] | undefined;

  function values(): (readonly [string, string])[] {
    sorted ??= [...new Map([...task, ...Object.entries(outside)])].sort(([left], [right]) => compareBytes(right, left));
    return sorted;
  }

  function expand(text: string): string | undefined {
    let current = text;
    for (let round = 0; round < ROUNDS; round += 1) {
      if (!/[$%]/.test(current)) return current;
      budget.steps -= values().length;
      const next = budget.steps < 0 ? undefined : expandOnce(current, values());
      if (next === undefined || next === current) return next;
      current = next;
    }
    return current;
  }

  return {
    set(name, value) {
      task.set(name, value);
      sorted = undefined;
    },
    remove(name) {
      task.delete(name);
      sorted = undefined;
    },
    own: () => task,
    lookup: (name) => expand((Object.hasOwn(outside, name) ? outside[name] : task.get(name)) ?? ''),
    expand,
  };
}
