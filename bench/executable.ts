import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AppError } from '../src/lib/errors.ts';
import type { Environment } from '../src/platform/environment.ts';
import { type Exit, spawn } from '../src/platform/processes.ts';

const ROOT = resolve(import.meta.dir, '..');

/** Target name of this machine, as in `dist/pwagent-<target>`. */
export const HOST_TARGET = `${process.platform}-${process.arch}`;

export const DIST = join(ROOT, 'dist');

/** The executable that is measured. Throws where it was not built. */
export function executable(): string {
  const path = join(DIST, `pwagent-${HOST_TARGET}`);
  if (existsSync(path)) return path;
  throw new AppError('CONFIG', `${path} is not there`, { hint: 'run `bun build.ts` first' });
}

/** What the measured programs get of the environment: enough to find git and a shell. */
export function benchEnvironment(home: string): Environment {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8', TMPDIR: home };
}

/** Builds dist/ for every released target, so that sizes are those of this very commit. */
export async function buildAll(): Promise<void> {
  const argv = [process.execPath, join(ROOT, 'build.ts')];
  const child = await spawn({
    argv,
    env: benchEnvironment(process.env.HOME ?? '/'),
    stdout: 'inherit',
    stderr: 'inherit',
    ownGroup: false,
  });
  const { code } = await child.exited;
  if (code !== 0) throw new AppError('UNAVAILABLE', 'the executables could not be built');
}

/** An executable that does nothing, built with the same options: what every start-up must cost at least. */
export async function buildEmpty(folder: string): Promise<string> {
  const [source, outfile] = [join(folder, 'empty.ts'), join(folder, 'empty')];
  await Bun.write(source, 'export {};\n');
  await Bun.build({
    entrypoints: [source],
    target: 'bun',
    format: 'esm',
    minify: true,
    bytecode: true,
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
  });
  return outfile;
}

/** Milliseconds from the start of a program to its exit, and how it ended. */
export async function timeRun(argv: readonly string[], env: Environment): Promise<{ ms: number; exit: Exit }> {
  const startMs = performance.now();
  const child = await spawn({ argv, env, stdout: 'ignore', stderr: 'ignore' });
  const exit = await child.exited;
  return { ms: performance.now() - startMs, exit };
}
