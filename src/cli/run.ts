import { EXIT } from '../lib/errors.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { systemClock } from '../platform/clock.ts';
import { RotatingFile } from '../platform/rotating-file.ts';
import { selfCommand } from '../platform/self.ts';
import type { SupervisorConfig } from '../supervisor/config.ts';
import { runSupervisor } from '../supervisor/start.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';

const DEFAULT_CONFIG = '/etc/pwagent/pwagent.yml';

/** To `log.file` as JSON where one is named; else to standard error, as text for people and as JSON for machines. */
function openLog(settings: SupervisorConfig['log'], { stderr }: CliContext): Logger {
  const { level, file, maxBytes, keep } = settings;
  const toStderr = {
    level,
    format: stderr.isTty ? 'text' : 'json',
    colour: stderr.colour,
    write: stderr.write,
  } as const;
  if (file === '') return createLogger(toStderr);
  try {
    const rotating = new RotatingFile(file, { maxBytes, keep });
    return createLogger({ level, format: 'json', colour: false, write: (line) => rotating.write(line) });
  } catch (error) {
    const log = createLogger(toStderr);
    log.warn('log.file cannot be written; logging to standard error', {
      event: 'log-file',
      file,
      error: String(error),
    });
    return log; // the machine must end on time with or without a log file
  }
}

/** `pwagent run [--config FILE] [--dry-run]` */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineCommand({
    name: 'run',
    summary: 'Supervise a worker and end the machine on time. launchd or systemd starts this.',
    examples: [
      ['pwagent run', `with ${DEFAULT_CONFIG}`],
      ['pwagent run --config pwagent.yml --dry-run', 'run the worker, only say what would end the machine'],
    ],
  })
    .option('--config <file>', 'configuration of the supervisor', DEFAULT_CONFIG)
    .option('--dry-run', 'log every step of a shutdown instead of doing it; the worker does run');
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const { config, dryRun } = command.opts<{ config: string; dryRun?: boolean }>();
  const options = {
    configFile: config,
    dryRun: dryRun === true,
    workerArgv: [...selfCommand(), 'worker', 'run', '--supervised'],
    env: context.env,
    platform: process.platform,
    clock: systemClock,
    fetch,
    openLog: (settings: SupervisorConfig['log']) => openLog(settings, context),
  };
  await runSupervisor(options, context.stop, context.hurry);
  return EXIT.ok;
}
