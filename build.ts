#!/usr/bin/env bun
/**
 * `bun build.ts [--target linux-x64|linux-arm64|darwin-arm64|host]...` makes dist/pwagent-<os>-<arch>; all of them
 * without a target. Runtimes of other platforms are packages of the package registry that Bun fetches and keeps.
 */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatDuration } from './src/lib/duration.ts';
import { AppError, describeError, EXIT } from './src/lib/errors.ts';
import { nearest } from './src/lib/nearest.ts';
import { formatSize } from './src/lib/size.ts';
import { checkDarwinExecutable } from './src/platform/mach-o.ts';

const ROOT = import.meta.dir;
const DIST = join(ROOT, 'dist');
const HOST = `${process.platform}-${process.arch}`;
const RELEASED = ['linux-x64', 'linux-arm64', 'darwin-arm64'];

function targetsOf(argv: string[]): string[] {
  let wanted: string[];
  try {
    const { values } = parseArgs({ args: argv, options: { target: { type: 'string', multiple: true } } });
    wanted = values.target ?? [...RELEASED, 'host'];
  } catch (error) {
    const what = error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error);
    throw new AppError('USAGE', what, { hint: 'the only option is --target NAME', cause: error });
  }
  const known = [...new Set([...RELEASED, HOST])];
  for (const name of wanted) {
    if (name === 'host' || known.includes(name)) continue;
    const guess = nearest(name, known);
    const hint = guess === undefined ? `known targets: ${known.join(', ')}, host` : `did you mean "${guess}"?`;
    throw new AppError('USAGE', `unknown target "${name}"`, { hint });
  }
  return [...new Set(wanted.map((name) => (name === 'host' ? HOST : name)))];
}

function git(...args: string[]): string | undefined {
  if (Bun.which('git') === null) return undefined;
  const asked = Bun.spawnSync(['git', ...args], { cwd: ROOT, stderr: 'ignore' });
  return asked.success ? asked.stdout.toString().trim() : undefined;
}

/** The commit of this checkout, marked when tracked files differ from it; `unknown` without git or repository. */
function commitOf(): string {
  const head = git('rev-parse', '--short=12', 'HEAD');
  if (head === undefined) return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? head : `${head}-dirty`;
}

/**
 * Start to exit of `pwagent version`, median of 25 on two cores, in milliseconds: plain 13.9, minified 13.8, and split
 * 13.3, and with bytecode 6.1 (with an embedded source map too); an empty program takes 10. A command that loads gRPC, zod,
 * yaml, hono and pino starts in 13 with bytecode, in 50 without. Bytecode made on one Linux was seen to be taken by another
 * architecture; for another operating system nobody here could see it, and a Mac that refuses to start costs more
 * than 7 ms, so such builds go without.
 */
function wantsBytecode(target: string): boolean {
  return target.split('-')[0] === HOST.split('-')[0];
}

async function compile(target: string, outfile: string, commit: string): Promise<void> {
  const built = await Bun.build({
    entrypoints: [join(ROOT, 'src/main.ts')],
    target: 'bun',
    format: 'esm',
    minify: true,
    splitting: true,
    bytecode: wantsBytecode(target),
    sourcemap: 'inline', // for the stack that --verbose shows; costs nothing at start
    define: { PWAGENT_COMMIT: JSON.stringify(commit), 'process.env.NODE_ENV': '"production"' },
    compile: {
      target: `bun-${target}` as Bun.Build.CompileTarget,
      outfile,
      // The working directory is often a stranger's checkout: nothing in it may change how this program runs.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
    throw: false,
  });
  if (built.success) return;
  const why = built.logs.map((log) => `${log.message}${log.position ? ` (${log.position.file})` : ''}`).join('\n');
  const hint = `for ${target}, Bun fetches its own runtime from the package registry: check that npm can reach it`;
  throw new AppError('UNAVAILABLE', `${target} could not be built: ${why}`, target === HOST ? {} : { hint });
}

/** Looks at what was built as its operating system will; returns what is worth telling. */
function check(target: string, file: string, commit: string): string {
  if (target.startsWith('darwin-')) {
    const { minos, pages } = checkDarwinExecutable(readFileSync(file));
    return `signature right (${pages} pages), macOS ${minos} or newer`;
  }
  if (target !== HOST) return '';
  const asked = Bun.spawnSync([file, 'version', '--json']);
  const told = asked.success ? (JSON.parse(asked.stdout.toString()) as { commit?: string }) : {};
  if (told.commit === commit) return `runs, commit ${commit}`;
  throw new AppError('CONFIG', `the executable for ${target} does not run: ${asked.stderr.toString().trim()}`);
}

async function buildOne(target: string, commit: string): Promise<string[]> {
  const name = `pwagent-${target}`;
  const scratch = mkdtempSync(join(DIST, '.build-')); // on the same file system, so that a rename puts the result in place
  const startMs = performance.now();
  try {
    await compile(target, join(scratch, name), commit);
    const note = check(target, join(scratch, name), commit);
    renameSync(join(scratch, name), join(DIST, name));
    const took = formatDuration(Math.round(performance.now() - startMs));
    return [`dist/${name}`, formatSize(statSync(join(DIST, name)).size), took, note];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function showTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function main(): Promise<number> {
  const rows = [['file', 'size', 'time', '']];
  let exitCode: number = EXIT.ok;
  try {
    const targets = targetsOf(process.argv.slice(2));
    mkdirSync(DIST, { recursive: true });
    const commit = commitOf();
    for (const target of targets) rows.push(await buildOne(target, commit));
  } catch (error) {
    process.stderr.write(`build: ${describeError(error)}\n`);
    exitCode = error instanceof AppError ? error.exitCode : EXIT.internal;
  }
  if (rows.length > 1) showTable(rows);
  return exitCode;
}

process.exitCode = await main();
