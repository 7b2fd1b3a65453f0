import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, visit } from 'yaml';
import { z } from 'zod';
import { AppError, joinErrors, type Place } from './errors.ts';
import { nearest } from './nearest.ts';

type Path = readonly PropertyKey[];

/** A schema without optional, default, transform and the like around it. */
function peeled(schema: unknown): unknown {
  if (schema instanceof z.ZodPipe) return peeled(schema.in);
  const wrapped =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable;
  return wrapped ? peeled(schema.unwrap()) : schema;
}

/** The schema of a part of what `schema` describes; undefined where it knows none. */
function schemaWithin(schema: unknown, step: PropertyKey): unknown {
  const outer = peeled(schema);
  if (outer instanceof z.ZodObject) return Object.hasOwn(outer.shape, step) ? outer.shape[String(step)] : undefined;
  if (outer instanceof z.ZodRecord) return outer.valueType;
  return outer instanceof z.ZodArray ? outer.element : undefined;
}

/** The keys that a schema knows at a path; empty when it has none. */
function knownKeys(schema: z.ZodType, path: Path): string[] {
  const current = peeled(path.reduce<unknown>(schemaWithin, schema));
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

/** Whether a schema takes a number for text too. */
function takesAnyScalar(schema: unknown): boolean {
  const own = peeled(schema);
  if (!(own instanceof z.ZodUnion)) return false;
  const has = (kind: typeof z.ZodString | typeof z.ZodNumber) => own.options.some((option) => option instanceof kind);
  return has(z.ZodString) && has(z.ZodNumber);
}

/** Where text is wanted a number stays as it was written: the label `xcode: 16.0` is not `16`. */
function keepWriting(node: unknown, schema: unknown): void {
  if (isMap(node)) {
    for (const { key, value } of node.items)
      if (isScalar(key)) keepWriting(value, schemaWithin(schema, String(key.value)));
  } else if (isSeq(node)) {
    for (const item of node.items) keepWriting(item, schemaWithin(schema, 0));
  } else if (isScalar(node) && node.value !== null && typeof node.value !== 'string' && takesAnyScalar(schema)) {
    node.value = node.source ?? String(node.value);
  }
}

function placesIn(counter: LineCounter, file: string) {
  return (offset: number | undefined): Place => {
    if (offset === undefined) return { file };
    const { line, col } = counter.linePos(offset);
    return { file, line, column: col };
  };
}

/** Finds where a path of the parsed value was written; the deepest part that exists counts. */
function createLocator(root: Node | null, at: (offset: number | undefined) => Place) {
  return (path: Path): Place => {
    let node: unknown = root;
    let offset = root?.range?.[0];
    for (const step of path) {
      if (isSeq(node) && typeof step === 'number') {
        node = node.items[step];
        offset = (node as Node | undefined)?.range?.[0] ?? offset;
        continue;
      }
      if (!isMap(node)) break;
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    }
    return at(offset);
  };
}

function describeIssue(issue: z.core.$ZodIssue, schema: z.ZodType, locate: (path: Path) => Place): AppError[] {
  const name = issue.path.map(String).join('.');
  if (issue.code !== 'unrecognized_keys') {
    const subject = name === '' ? 'the document' : name;
    return [new AppError('CONFIG', `${subject}: ${issue.message}`, { place: locate(issue.path) })];
  }
  const known = knownKeys(schema, issue.path);
  return issue.keys.map((key) => {
    const guess = nearest(key, known);
    const all = known.length === 0 ? 'there is none here; write {}' : `known keys: ${known.join(', ')}`;
    const hint = guess === undefined ? all : `did you mean "${guess}"?`;
    return new AppError('CONFIG', `unknown key "${name === '' ? key : `${name}.${key}`}"`, {
      hint,
      place: locate([...issue.path, key]),
    });
  });
}

/** The document as plain values. The library throws on an alias without anchor and on aliases that multiply too far. */
function toValue(document: Document, placeAt: (offset: number | undefined) => Place): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    let found: { source: string; place: Place } | undefined;
    visit(document, {
      Alias(_key, alias) {
        if (alias.resolve(document) !== undefined) return undefined;
        found = { source: alias.source, place: placeAt(alias.range?.[0]) };
        return visit.BREAK;
      },
    });
    if (found === undefined) {
      const hint = 'write the values out instead of repeating aliases of aliases';
      throw new AppError('CONFIG', 'the aliases stand for too much', { hint, place: placeAt(undefined), cause });
    }
    const message = `there is no anchor &${found.source} before the alias *${found.source}`;
    throw new AppError('CONFIG', message, { place: found.place, cause });
  }
}

/**
 * Reads one of our own YAML files: exactly one document, no unknown and no repeated key, types as `schema` says. An
 * empty file counts as `{}`. Throws one `AppError` (CONFIG) that tells every problem with line and column.
 */
export function parseConfigFile<Schema extends z.ZodType>(
  text: string,
  file: string,
  schema: Schema,
): z.output<Schema> {
  const lineCounter = new LineCounter();
  const placeAt = placesIn(lineCounter, file);
  const documents = parseAllDocuments(text, { lineCounter, version: '1.2', merge: true, maxAliasCount: 100 } as never);
  const [document, second] = Array.isArray(documents) ? documents : [];
  if (second !== undefined) {
    const place = placeAt(second.range?.[0]);
    throw new AppError('CONFIG', 'a second YAML document', { hint: 'keep one document in the file', place });
  }
  const broken = document?.errors[0];
  if (broken !== undefined) {
    const [start] = broken.linePos ?? [];
    const message = (broken.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
    throw new AppError('CONFIG', message, { place: { file, line: start?.line, column: start?.col } });
  }
  keepWriting(document?.contents, schema);
  const parsed = schema.safeParse((document === undefined ? undefined : toValue(document, placeAt)) ?? {});
  if (parsed.success) return parsed.data;
  const locate = createLocator(document?.contents ?? null, placeAt);
  const [first, ...rest] = parsed.error.issues.flatMap((issue) => describeIssue(issue, schema, locate));
  throw first === undefined ? new AppError('CONFIG', 'invalid', { place: { file } }) : joinErrors([first, ...rest]);
}
