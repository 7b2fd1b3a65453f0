#!/usr/bin/env bun
import { writeSync } from 'node:fs';
import { runCommand } from './cli/commands.ts';
import type { CliContext, Output } from './cli/context.ts';
import { AppError, describeError, EXIT } from './lib/errors.ts';
import { processEnvironment } from './platform/environment.ts';
import { exemptLoopbackFromProxy } from './platform/proxy.ts';

const env = exemptLoopbackFromProxy(processEnvironment());

function outputOf(stream: NodeJS.WriteStream): Output {
  stream.on('error', () => {}); // a reader that has gone, as in `pwagent status | head`, or a closed terminal
  const isTty = stream.isTTY === true;
  const colour = isTty && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  return { write: (text) => void stream.write(text), isTty, colour, columns: stream.columns ?? 80 };
}

function contextOf(): CliContext {
  const stop = new AbortController();
  const hurry = new AbortController();
  const hangups: (() => void)[] = [];
  const end = (name: string) => (stop.signal.aborted ? hurry : stop).abort(name);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => end(name));
  process.on('SIGHUP', () => (hangups.length === 0 ? end('SIGHUP') : hangups.forEach((listener) => void listener())));
  const [stdout, stderr] = [outputOf(process.stdout), outputOf(process.stderr)];
  const onHangup = (listener: () => void) => void hangups.push(listener);
  return { env, stdout, stderr, onHangup, stop: stop.signal, hurry: hurry.signal };
}

function report(error: unknown, verbose: boolean): number {
  const known = error instanceof AppError;
  const advice = known ? '' : ' (this is a bug in pwagent; run again with --verbose for the stack and report it)';
  const stack = verbose && error instanceof Error ? `${error.stack}\n` : '';
  writeSync(2, `pwagent: ${describeError(error)}${advice}\n${stack}`);
  return known ? error.exitCode : EXIT.internal;
}

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  try {
    return await runCommand(argv, contextOf(), process.argv0);
  } catch (error) {
    return report(error, argv.includes('--verbose'));
  }
}

const exitCode = await main();
process.stdout.write('', () => process.exit(exitCode));
