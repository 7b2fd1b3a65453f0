interface DockerLine {
  readonly instruction: string;
  readonly rest: string;
}

/** Logical lines: continuations joined, comments and here-documents left out. */
function linesOf(text: string): DockerLine[] {
  const kept = text.split(/\r?\n/).filter((line) => !/^\s*#/.test(line));
  const joined = kept.join('\n').replaceAll(/\\[ \t]*\n/g, ' ');
  return joined.split('\n').flatMap((line) => {
    const [, instruction, rest] = /^\s*([A-Za-z]+)\s+(.*)$/.exec(line) ?? [];
    return instruction === undefined || rest === undefined ? [] : [{ instruction: instruction.toUpperCase(), rest }];
  });
}

/** `$NAME`, `${NAME}` and `${NAME:-default}`; an unknown variable is empty, as in a build. */
function resolve(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(
    /\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))/g,
    (_match, braced: string | undefined, fallback: string | undefined, bare: string | undefined) =>
      variables.get(braced ?? bare ?? '') || (fallback ?? ''),
  );
}

function unquote(word: string): string {
  return word.replace(/^(["'])(.*)\1$/, '$2');
}

/** `NAME=VALUE …` or the older `NAME VALUE`. */
function assignments(rest: string): (readonly [string, string | undefined])[] {
  const pairs = [...rest.matchAll(/(\w+)=("[^"]*"|'[^']*'|\S*)/g)];
  if (pairs.length > 0) return pairs.map(([, name = '', value = '']) => [name, unquote(value)]);
  const [, name, value] = /^(\w+)(?:\s+(.*))?$/.exec(rest.trim()) ?? [];
  return name === undefined ? [] : [[name, value]];
}

/** Words of COPY or ADD without flags, the target left out; none for what comes from another stage. */
function sourcesOf(rest: string): string[] {
  const flags = /^(?:--\S+\s+)*/.exec(rest)?.[0] ?? '';
  if (/--from=/.test(flags)) return [];
  const words = rest.slice(flags.length).trim();
  if (!words.startsWith('[')) return words.split(/\s+/).slice(0, -1);
  return [...words.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => word).slice(0, -1);
}

function isRemote(source: string): boolean {
  return /^(?:https?:|git@|git:|ssh:)/.test(source) || source.startsWith('<<');
}

/** Local files and folders that a Dockerfile copies into its image, in order, relative to the build's context. */
export function findSourcePaths(dockerfile: string, args: Readonly<Record<string, string>>): string[] {
  const variables = new Map<string, string>();
  const paths: string[] = [];
  for (const { instruction, rest } of linesOf(dockerfile)) {
    if (instruction === 'ARG') {
      for (const [name, value] of assignments(rest)) {
        const given = Object.hasOwn(args, name) ? args[name] : undefined;
        variables.set(name, given ?? resolve(value ?? variables.get(name) ?? '', variables));
      }
    } else if (instruction === 'ENV') {
      for (const [name, value] of assignments(rest)) variables.set(name, resolve(value ?? '', variables));
    } else if (instruction === 'COPY' || instruction === 'ADD') {
      paths.push(...sourcesOf(resolve(rest, variables)).filter((source) => !isRemote(source)));
    }
  }
  return paths;
}
