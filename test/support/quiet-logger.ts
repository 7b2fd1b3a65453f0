import { createLogger, type Logger } from '../../src/lib/log.ts';

/** A logger whose lines, as parsed JSON, can be looked at. */
export function quietLogger(): { readonly log: Logger; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { log: createLogger({ level: 'trace', format: 'json', colour: false, write }), lines };
}
