import type { Environment } from '../platform/environment.ts';

/** Looks a variable up; undefined means "not defined", which is not the same as empty. */
type Lookup = (name: string) => string | undefined;

/** Names of one character that the expansion of the existing agent consumes after `$`; `$$` is our escape for `$`. */
const SPECIAL_NAMES = new Set('*#@!?-0123456789');

/** References to references can double in every round: what grows beyond this stays as it is. */
const MAX_VALUE_LENGTH = 1 << 20;

/** Longest chain of variables that refer to the next; nobody writes one, and it must not exhaust the stack. */
const MAX_DEPTH = 500;

interface Reference {
  /** Undefined when the text is no reference: a lone `$`, `$$`, or broken braces. */
  readonly name: string | undefined;
  /** What stands for it when it is no reference. */
  readonly text?: string;
  /** Characters after the `$` that belong to it. */
  readonly width: number;
}

function bracedReference(text: string, start: number): Reference {
  const special = text[start + 1];
  if (special !== undefined && SPECIAL_NAMES.has(special) && text[start + 2] === '}')
    return { name: special, width: 3 };
  const end = text.indexOf('}', start);
  if (end < 0) return { name: undefined, width: 1 }; // never closed: the two characters vanish
  if (end === start + 1) return { name: undefined, width: 2 };
  return { name: text.slice(start + 1, end), width: end - start + 1 };
}

/** Reads what follows a `$` at `start`. */
function referenceAt(text: string, start: number): Reference {
  const first = text[start] ?? '';
  if (first === '{') return bracedReference(text, start);
  if (first === '$') return { name: undefined, text: '$', width: 1 };
  if (SPECIAL_NAMES.has(first)) return { name: first, width: 1 };
  const word = /^\w*/.exec(text.slice(start, start + 1_000))?.[0] ?? '';
  return word === '' ? { name: undefined, text: '$', width: 0 } : { name: word, width: word.length };
}

/** `NAME` or `NAME:default`: the default counts only when the name is not defined. */
function resolve(reference: string, lookup: Lookup): string {
  const colon = reference.indexOf(':');
  if (colon < 0) return lookup(reference) ?? '';
  return lookup(reference.slice(0, colon)) ?? reference.slice(colon + 1);
}

/** Replaces every reference of `text`, once. Undefined when the result would be unreasonably long. */
function replaceReferences(text: string, lookup: Lookup): string | undefined {
  const source = text.replace(/%(\w+)%/g, (_whole, name: string) => `\${${name}}`);
  const parts: string[] = [];
  let length = 0;
  const add = (part: string) => {
    parts.push(part);
    length += part.length;
  };
  let at = 0;
  while (at < source.length && length <= MAX_VALUE_LENGTH) {
    const dollar = source.indexOf('$', at);
    if (dollar < 0 || dollar + 1 >= source.length) break;
    add(source.slice(at, dollar));
    const { name, text: instead = '', width } = referenceAt(source, dollar + 1);
    add(name === undefined ? instead : resolve(name, lookup));
    at = dollar + 1 + width;
  }
  add(source.slice(at));
  return length <= MAX_VALUE_LENGTH ? parts.join('') : undefined;
}

function own(environment: Environment, name: string): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined;
}

/**
 * Expands one text that an instruction uses (a path, an address, a `direct` command line), in one pass: variables of
 * the task first, then those of the agent's own process. Forms: `$NAME`, `${NAME}`, `${NAME:default}`, `%NAME%`; `$$` is
 * a dollar sign.
 */
export function expandText(text: string, task: Environment, process: Environment): string {
  return replaceReferences(text, (name) => own(task, name) ?? own(process, name)) ?? text;
}

/** An environment that is being expanded: each value once, when it is first asked for. */
class Expander {
  readonly #done = new Map<string, string>();
  readonly #open: string[] = [];
  readonly #circular = new Set<string>();

  constructor(
    private readonly task: Environment,
    private readonly process: Environment,
    private readonly literal: ReadonlySet<string>,
  ) {}

  valueOf(name: string): string {
    const known = this.#done.get(name);
    if (known !== undefined) return known;
    const raw = this.task[name] ?? '';
    if (this.literal.has(name) || this.#open.length >= MAX_DEPTH) return raw;
    this.#open.push(name);
    const expanded = replaceReferences(raw, (reference) => this.#lookUp(reference));
    this.#open.pop();
    const value = expanded === undefined || this.#circular.has(name) ? raw : expanded;
    this.#done.set(name, value);
    return value;
  }

  #lookUp(name: string): string | undefined {
    if (!Object.hasOwn(this.task, name)) return own(this.process, name);
    const at = this.#open.indexOf(name);
    if (at < 0) return this.valueOf(name);
    const outer = at === this.#open.length - 1 ? own(this.process, name) : undefined;
    if (outer === undefined) for (const member of this.#open.slice(at)) this.#circular.add(member);
    return outer;
  }
}

/**
 * Expands a whole environment, each value once: variables of the task first, then those of the agent's own process. A
 * value that refers to its own name means the process's (`PATH: $PATH:/opt/bin`); other cycles stay as they are written.
 * Names in `literal` keep their values, since a secret may well hold a `$`.
 */
export function expandEnvironment(task: Environment, process: Environment, literal: ReadonlySet<string>): Environment {
  const expander = new Expander(task, process, literal);
  return Object.fromEntries(Object.keys(task).map((name) => [name, expander.valueOf(name)]));
}
