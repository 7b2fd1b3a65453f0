import type { CliContext } from '../../src/cli/context.ts';
import type { Environment } from '../../src/platform/environment.ts';

export interface TestContext extends CliContext {
  readonly out: () => string;
  readonly err: () => string;
  readonly stopper: AbortController;
}

/** A command's world whose output can be read back. */
export function testContext(
  env: Environment,
  tty: { isTty?: boolean; colour?: boolean; columns?: number } = {},
): TestContext {
  const [out, err]: [string[], string[]] = [[], []];
  const stopper = new AbortController();
  const output = (texts: string[]) => ({
    write: (text: string) => void texts.push(text),
    isTty: false,
    colour: false,
    columns: 80,
    ...tty,
  });
  return {
    env,
    stdout: output(out),
    stderr: output(err),
    onHangup: () => {},
    stop: stopper.signal,
    hurry: new AbortController().signal,
    out: () => out.join(''),
    err: () => err.join(''),
    stopper,
  };
}
