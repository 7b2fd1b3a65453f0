import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { totalsOf } from '../support/junit.ts';

const ROOT = resolve(import.meta.dir, '../..');

/**
 * The hostile tasks of test/e2e/hostile.test.ts with their full numbers, `times` times. Returns what was done; throws
 * with the output of the runs when one fails, and where they cannot be tried (they need root on Linux).
 */
export async function attackOverAndOver(times: number): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'pwagent-deep-'));
  const passed: number[] = [];
  try {
    for (let time = 0; time < times; time += 1) {
      const report = join(scratch, `${time}.xml`);
      const reporting = ['--reporter=junit', `--reporter-outfile=${report}`, '--timeout=180000'];
      const run = Bun.spawn([process.execPath, 'test', 'test/e2e/hostile.test.ts', ...reporting], {
        cwd: ROOT,
        env: { ...process.env, PWAGENT_TEST_FULL: '1', PWAGENT_TEST_ALL: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const [stdout, stderr] = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()]);
      if ((await run.exited) !== 0) throw new Error(`attack ${time + 1} of ${times} got through:\n${stdout}${stderr}`);
      passed.push(totalsOf(readFileSync(report, 'utf8'), run.exitCode).passed);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const sum = passed.reduce((all, one) => all + one, 0);
  return `hostile tasks: ${sum} attacks in ${times} rounds, all repelled, each machine ended on time`;
}
