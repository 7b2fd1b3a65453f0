import pino from 'pino';

export type Fields = Readonly<Record<string, unknown>>;

/** A log line is a constant message plus fields. Secrets go in as `Secret`, never as text. */
export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds these fields to each line. */
  child(fields: Fields): Logger;
}

/** Level names that configuration files may use, with the level that each means here. */
export const LOG_LEVELS: Readonly<Record<string, string>> = {
  panic: 'fatal',
  fatal: 'fatal',
  error: 'error',
  warning: 'warn',
  warn: 'warn',
  info: 'info',
  debug: 'debug',
  trace: 'trace',
};

export interface LogOptions {
  /** A key of `LOG_LEVELS`. */
  readonly level: string;
  /** `text` is for people on a terminal, `json` for machines. */
  readonly format: 'text' | 'json';
  readonly colour: boolean;
  /** Takes finished lines, newline included. */
  readonly write: (line: string) => void;
}

const LEVEL_LABEL: Readonly<Record<number, readonly [label: string, colour: string]>> = {
  10: ['trace', '\x1b[90m'],
  20: ['debug', '\x1b[90m'],
  30: ['info ', '\x1b[36m'],
  40: ['warn ', '\x1b[33m'],
  50: ['error', '\x1b[31m'],
  60: ['fatal', '\x1b[31m'],
};

function textOf(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** Turns a JSON log line into `12:30:01 info  message key=value`. */
function toText(line: string, colour: boolean): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: number; time: string; msg: string };
  const [label, tint] = LEVEL_LABEL[level] ?? ['', ''];
  const paint = (code: string, text: string) => (colour ? `${code}${text}\x1b[0m` : text);
  const rest = Object.entries(fields).map(([name, value]) => ` ${paint('\x1b[90m', `${name}=`)}${textOf(value)}`);
  return `${paint('\x1b[90m', time.slice(11, 19))} ${paint(tint, label)} ${msg}${rest.join('')}\n`;
}

function adapt(logger: pino.Logger): Logger {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    child: (fields) => adapt(logger.child(fields)),
  };
}

/** The one logger of the product. Lines are written before the call returns, so a crash loses none. */
export function createLogger(options: LogOptions): Logger {
  const write =
    options.format === 'json' ? options.write : (line: string) => options.write(toText(line, options.colour));
  const level = LOG_LEVELS[options.level] ?? 'info';
  return adapt(pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write }));
}
