import { resolve } from 'node:path';

/** Builds the executable of this machine, so that what is tried is this very source. Throws with the output of the build. */
export async function buildHost(): Promise<string> {
  const build = Bun.spawn([process.execPath, 'build.ts', '--target=host'], {
    cwd: resolve(import.meta.dir, '../..'),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([new Response(build.stdout).text(), new Response(build.stderr).text()]);
  if ((await build.exited) !== 0) throw new Error(`the executable cannot be built:\n${stdout}${stderr}`);
  return `executable: ${stdout.trim().split('\n').at(-1)}`;
}
