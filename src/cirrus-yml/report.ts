import { LIMITS } from './limits.ts';
import type { Problem } from './problem.ts';

/** Collects what is wrong. `at` is an offset into the text; the same complaint at the same place is kept once. */
export interface Report {
  error(at: number, message: string, hint?: string): void;
  warning(at: number, message: string, hint?: string): void;
  /** Whether an error was reported so far. */
  hasErrors(): boolean;
  /** Everything in the order of the file, errors never crowded out by warnings. */
  problems(): Problem[];
}

interface Finding {
  readonly severity: Problem['severity'];
  readonly at: number;
  readonly message: string;
  readonly hint: string | undefined;
}

export function createReport(placeOf: (at: number) => { line: number; column: number }): Report {
  const kept = { error: new Map<string, Finding>(), warning: new Map<string, Finding>() };
  const dropped = { error: 0, warning: 0 };

  function add(severity: Problem['severity'], at: number, message: string, hint: string | undefined): void {
    const key = `${at} ${message}`;
    if (kept[severity].has(key)) return;
    if (kept[severity].size >= LIMITS.problems) dropped[severity] += 1;
    else kept[severity].set(key, { severity, at, message, hint });
  }

  function problems(): Problem[] {
    const errors = [...kept.error.values()];
    const warnings = [...kept.warning.values()].slice(0, Math.max(0, LIMITS.problems - errors.length));
    const sorted = [...errors, ...warnings].sort((left, right) => left.at - right.at);
    const told = sorted.map(({ at, ...finding }) => ({ ...finding, ...placeOf(at) }));
    const more = dropped.error + dropped.warning + kept.warning.size - warnings.length;
    const last = told.at(-1);
    if (more === 0 || last === undefined) return told;
    const message = `${more} more problems are not shown`;
    return [...told, { severity: 'warning', line: last.line, column: last.column, message, hint: undefined }];
  }

  return {
    error: (at, message, hint) => add('error', at, message, hint),
    warning: (at, message, hint) => add('warning', at, message, hint),
    hasErrors: () => kept.error.size > 0,
    problems,
  };
}
