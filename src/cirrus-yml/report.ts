import { type AliasUse, findUse, type Range } from './alias-uses.ts';
import { LIMITS } from './limits.ts';
import type { Problem, TextPlace } from './problem.ts';

/** What to do about a problem; a function where finding it costs something, asked only if the problem is told. */
type Hint = string | (() => string);

/** Collects what is wrong. `at` is an offset into the text; the same complaint at the same place is kept once. */
export interface Report {
  error(at: number, message: string, hint?: Hint): void;
  warning(at: number, message: string, hint?: Hint): void;
  /** A warning about a key that nothing reads, which `validate --strict` refuses. */
  unknown(at: number, message: string, hint: Hint): void;
  /** A warning about a value that only the hosted service could read. */
  encrypted(at: number, message: string, hint: Hint): void;
  /** Remembers an alias, so that problems in what it repeats tell where it is used. */
  aliasUsed(use: AliasUse): void;
  /** The same report for what is read on behalf of the task that was written in this range. */
  within(range: Range): Report;
  /** Whether an error was reported so far. */
  hasErrors(): boolean;
  /** Everything in the order of the file, errors never crowded out by warnings. */
  problems(): Problem[];
  placeOf(at: number): TextPlace;
}

interface Finding {
  readonly severity: Problem['severity'];
  readonly at: number;
  readonly message: string;
  readonly hint: Hint | undefined;
  readonly kind: Problem['kind'];
  readonly ranges: Range[];
}

const MAX_USES_TOLD = 3;

class FindingStore {
  readonly #kept = { error: new Map<string, Finding>(), warning: new Map<string, Finding>() };
  readonly #dropped = { error: 0, warning: 0 };
  readonly aliases: AliasUse[] = [];

  constructor(readonly placeOf: (at: number) => TextPlace) {}

  add(finding: Omit<Finding, 'ranges'>, range: Range | undefined): void {
    const kept = this.#kept[finding.severity];
    const key = `${finding.at} ${finding.message}`;
    const known = kept.get(key);
    if (known === undefined && kept.size >= LIMITS.problems) this.#dropped[finding.severity] += 1;
    else if (known === undefined) kept.set(key, { ...finding, ranges: range === undefined ? [] : [range] });
    else if (range !== undefined && known.ranges.length < MAX_USES_TOLD) known.ranges.push(range);
  }

  hasErrors(): boolean {
    return this.#kept.error.size > 0;
  }

  #tell({ severity, at, message, hint, kind, ranges }: Finding): Problem {
    const uses = new Set(ranges.flatMap((range) => findUse(this.aliases, at, range) ?? []));
    const used = [...uses].map((use) => this.placeOf(use));
    const problem = { severity, message, hint: typeof hint === 'function' ? hint() : hint, ...this.placeOf(at) };
    return { ...problem, ...(kind === undefined ? {} : { kind }), ...(used.length === 0 ? {} : { used }) };
  }

  problems(): Problem[] {
    const errors = [...this.#kept.error.values()];
    const warnings = [...this.#kept.warning.values()].slice(0, Math.max(0, LIMITS.problems - errors.length));
    const told = [...errors, ...warnings]
      .sort((left, right) => left.at - right.at)
      .map((finding) => this.#tell(finding));
    const more = this.#dropped.error + this.#dropped.warning + this.#kept.warning.size - warnings.length;
    const last = told.at(-1);
    if (more === 0 || last === undefined) return told;
    const message = `${more} more problems are not shown`;
    return [...told, { severity: 'warning', line: last.line, column: last.column, message, hint: undefined }];
  }
}

function reportInto(store: FindingStore, range: Range | undefined): Report {
  return {
    error: (at, message, hint) => store.add({ severity: 'error', at, message, hint, kind: undefined }, range),
    warning: (at, message, hint) => store.add({ severity: 'warning', at, message, hint, kind: undefined }, range),
    unknown: (at, message, hint) => store.add({ severity: 'warning', at, message, hint, kind: 'unknown-key' }, range),
    encrypted: (at, message, hint) => store.add({ severity: 'warning', at, message, hint, kind: 'encrypted' }, range),
    aliasUsed: (use) => store.aliases.push(use),
    within: (inner) => reportInto(store, inner),
    hasErrors: () => store.hasErrors(),
    problems: () => store.problems(),
    placeOf: (at) => store.placeOf(at),
  };
}

export function createReport(placeOf: (at: number) => TextPlace): Report {
  return reportInto(new FindingStore(placeOf), undefined);
}
