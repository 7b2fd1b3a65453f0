import { createLogger, type Logger } from '../../lib/log.ts';
import { systemClock } from '../../platform/clock.ts';
import { openLogFile } from '../../platform/log-file.ts';
import type { LogSettings } from '../../worker/configuration/options.ts';
import type { CliContext } from '../context.ts';

/**
 * The worker's one log: text on a terminal, JSON in a file and for programs. SIGHUP reopens the file. Throws `AppError`
 * (CONFIG) when it cannot be opened.
 */
export function openLog(settings: LogSettings, { stderr, onHangup }: CliContext): Logger {
  const { level, file, rotateSizeBytes, maxRotations } = settings;
  if (file === undefined) {
    const format = stderr.isTty ? 'text' : 'json';
    return createLogger({ level, format, colour: stderr.colour, write: (line) => stderr.write(line) });
  }
  const { write, reopen } = openLogFile(file, {
    ...{ rotateSizeBytes, maxRotations, wallMs: systemClock.wallMs },
    onTrouble: (kind, sentence) => {
      if (kind === 'lost') stderr.write(`pwagent: ${sentence}\n`);
      else log.warn(sentence);
    },
  });
  const log = createLogger({ level, format: 'json', colour: false, write });
  onHangup(() => {
    reopen();
    log.info('log file opened anew');
  });
  return log;
}
