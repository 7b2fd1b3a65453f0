import { test } from 'bun:test';
import { appendFileSync } from 'node:fs';

type Body = () => void | Promise<void>;

/** Why `program` (a name in PATH or an absolute path) cannot be used, or undefined when it is there. */
export function programGap(program: string, debianPackage = program): string | undefined {
  return Bun.which(program) === null
    ? `${program} is not installed (Debian: apt-get install ${debianPackage})`
    : undefined;
}

/** Tells `npm test` (or whoever runs `bun test` alone) that something was not tried. */
function tell(line: string): void {
  const file = process.env.PWAGENT_GAP_FILE;
  if (file === undefined) process.stderr.write(`${line}\n`);
  else appendFileSync(file, `${line}\n`);
}

/**
 * `test` for tests that need something of the machine: `name` says what is tried, `gap` why it cannot be (undefined when
 * it can). A gap is told as `not run: NAME: reason` and its tests are skipped; with PWAGENT_TEST_ALL=1 they fail.
 */
export function testNeeding(name: string, gap: string | undefined) {
  const all = process.env.PWAGENT_TEST_ALL === '1';
  if (gap !== undefined && !all) tell(`not run: ${name}: ${gap}`);
  return (title: string, body: Body, timeoutMs?: number): void => {
    const refuse = () => {
      throw new Error(`not run: ${name}: ${gap}`);
    };
    test.skipIf(gap !== undefined && !all)(title, gap === undefined ? body : refuse, timeoutMs);
  };
}
