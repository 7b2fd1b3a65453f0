import type { Environment } from '../platform/environment.ts';

/** Looks a variable up; undefined means "not defined", which is not the same as empty. */
type Lookup = (name: string) => string | undefined;

/** Names of one character that the expansion of the existing agent consumes after `$`. */
const SPECIAL_NAMES = new Set('*#$@!?-0123456789');

/** References to references can double in every round: what grows beyond this stays as it is. */
const MAX_VALUE_LENGTH = 1 << 20;

const MAX_ROUNDS = 10;

interface Reference {
  /** Undefined when the text is no reference: a lone `$`, or broken braces. */
  readonly name: string | undefined;
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
  if (SPECIAL_NAMES.has(first)) return { name: first, width: 1 };
  const word = /^\w*/.exec(text.slice(start, start + 1_000))?.[0] ?? '';
  return { name: word === '' ? undefined : word, width: word.length };
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
    const { name, width } = referenceAt(source, dollar + 1);
    if (name !== undefined) add(resolve(name, lookup));
    else if (width === 0) add('$');
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
 * the task first, then those of the agent's own process. Forms: `$NAME`, `${NAME}`, `${NAME:default}`, `%NAME%`.
 */
export function expandText(text: string, task: Environment, process: Environment): string {
  return replaceReferences(text, (name) => own(task, name) ?? own(process, name)) ?? text;
}

function refersToItself(name: string, value: string): boolean {
  return [`$${name}`, `\${${name}`, `%${name}`].some((reference) => value.includes(reference));
}

/**
 * Expands a whole environment: the agent's own process first, then the environment itself, in rounds until nothing
 * changes (ten at most). A value that would still refer to its own name is left alone, so a cycle stays as written.
 * Names in `literal` keep their values, since a secret may well hold a `$`.
 */
export function expandEnvironment(task: Environment, process: Environment, literal: ReadonlySet<string>): Environment {
  let current: Record<string, string> = { ...task };
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const previous = current;
    const lookup: Lookup = (name) => own(process, name) ?? own(previous, name);
    const next = Object.entries(previous).map(([name, value]): [string, string] => {
      if (literal.has(name)) return [name, value];
      const expanded = replaceReferences(value, lookup);
      return [name, expanded === undefined || refersToItself(name, expanded) ? value : expanded];
    });
    current = Object.fromEntries(next);
    if (next.every(([name, value]) => previous[name] === value)) break;
  }
  return current;
}
