import type { Logger } from '../lib/log.ts';
import { RotatingFile } from '../platform/rotating-file.ts';

/** Of the worker's output this many older files are kept; all of them together stay within `worker.log-limit`. */
const WORKER_LOG_FILES = 9;

/** Opens the file for the worker's output, which the worker itself can neither shorten nor rewrite. Never throws. */
export function openWorkerLog(file: string, limitBytes: number, log: Logger): (data: Uint8Array) => void {
  try {
    const maxBytes = Math.floor(limitBytes / (WORKER_LOG_FILES + 1));
    const rotating = new RotatingFile(file, { maxBytes, keep: WORKER_LOG_FILES });
    return (data) => rotating.write(data);
  } catch (error) {
    log.warn('the log file of the worker cannot be written; its output is lost', {
      event: 'worker-log',
      file,
      error: String(error),
    });
    return () => {};
  }
}
