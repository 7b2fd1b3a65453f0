import { createHash } from 'node:crypto';
import { compareBytes } from '../variables.ts';
import { findSourcePaths } from './source-paths.ts';

/** Files beside the configuration. Paths are relative to its folder, with slashes. */
export interface SourceFiles {
  /** Contents of a file, names in a folder, or undefined when there is none of both. Never throws. */
  read(path: string): SourceEntry | undefined;
}

export type SourceEntry =
  | { readonly tag: 'file'; readonly bytes: Uint8Array }
  | { readonly tag: 'folder'; readonly names: readonly string[] };

interface HashInput {
  readonly path: string;
  readonly args: Readonly<Record<string, string>>;
  /** Variables of the task as written. */
  readonly variables: ReadonlyMap<string, string>;
}

interface DockerfileHash {
  readonly hash: string;
  /** Sources that the Dockerfile copies and that cannot be read. */
  readonly missing: readonly string[];
}

/** Files and folders that one Dockerfile may pull into its hash. */
const MAX_SOURCES = 10_000;

function joinPath(...parts: readonly string[]): string {
  const steps: string[] = [];
  for (const step of parts.join('/').split('/')) {
    if (step === '..' && steps.length > 0 && steps.at(-1) !== '..') steps.pop();
    else if (step !== '' && step !== '.') steps.push(step);
  }
  return steps.join('/');
}

/** Contents of a file, or of all files below a folder: those of a folder come before those of the folders in it. */
function readAll(files: SourceFiles, path: string, budget: { left: number }): Uint8Array[] | undefined {
  const contents: Uint8Array[] = [];
  const waiting = [path];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    budget.left -= 1;
    const entry = budget.left < 0 ? undefined : files.read(next);
    if (entry === undefined) return undefined;
    if (entry.tag === 'file') contents.push(entry.bytes);
    else for (const name of [...entry.names].sort(compareBytes)) waiting.push(joinPath(next, name));
  }
  return contents;
}

/**
 * Identifies the image that a Dockerfile would give, as the reference does: its text, its arguments, a processor other
 * than amd64, and the contents of what it copies. Undefined when the Dockerfile cannot be read.
 */
export function hashDockerfile(files: SourceFiles, { path, args, variables }: HashInput): DockerfileHash | undefined {
  const dockerfile = files.read(joinPath(path));
  if (dockerfile?.tag !== 'file') return undefined;
  const pairs = Object.entries(args).map(([name, value]) => name + value);
  const architecture = variables.get('CIRRUS_ARCH') ?? '';
  const head = [pairs.sort(compareBytes).join(', '), architecture === 'amd64' ? '' : architecture];
  const [short, long] = [createHash('md5'), createHash('sha256')];
  for (const part of [dockerfile.bytes, ...head]) {
    short.update(part);
    long.update(part);
  }
  const sources = findSourcePaths(new TextDecoder().decode(dockerfile.bytes), args);
  const budget = { left: MAX_SOURCES };
  const missing: string[] = [];
  let found = false;
  for (const source of sources) {
    const contents = readAll(files, joinPath(variables.get('CIRRUS_DOCKER_CONTEXT') ?? '', source), budget);
    if (contents === undefined) missing.push(source);
    for (const bytes of contents ?? []) {
      long.update(bytes);
      found = true;
    }
  }
  return { hash: (found ? long : short).digest('hex'), missing };
}
