import { parse } from 'node-cron';
import { AppError } from '../../lib/errors.ts';

/** Days, hours and minutes of a cron expression, in UTC. */
export interface CronFields {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: readonly number[];
  readonly months: readonly number[];
  readonly daysOfWeek: readonly number[];
  /** With both days restricted, either will do, as cron has it since 1979. */
  readonly eitherDay: boolean;
}

const NICKNAMES: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};

const DAY_MS = 86_400_000;
/** 29 February comes within eight years; what does not come within nine never does. */
const MAX_DAYS = 9 * 366;

function refuse(text: string, why: string, cause?: unknown): AppError {
  const hint = 'write five fields: minute hour day-of-month month day-of-week, for example "30 2 * * 1-5", in UTC';
  return new AppError('CONFIG', `cron expression "${text.slice(0, 100)}" ${why}`, { hint, cause });
}

function numbers(values: readonly (number | string)[], text: string): number[] {
  if (values.every((value) => typeof value === 'number')) return [...values].sort((left, right) => left - right);
  throw refuse(text, 'has a day with L, W or #, which is not understood here');
}

/** Reads five fields or a nickname. Throws `AppError` (CONFIG), also for one that never comes true. */
export function parseCron(text: string): CronFields {
  const five = NICKNAMES[text.trim()] ?? text.trim().replace(/\s+/g, ' ');
  const [, , dayField = '', , weekField = '', extra] = five.split(' ');
  if (text.length > 200 || weekField === '' || extra !== undefined) throw refuse(text, 'does not have five fields');
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(five);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw refuse(text, `is not one (${why.split('\n')[0]})`, cause);
  }
  const fields: CronFields = {
    minutes: numbers(parsed.minute, text),
    hours: numbers(parsed.hour, text),
    daysOfMonth: numbers(parsed.dayOfMonth, text),
    months: numbers(parsed.month, text),
    daysOfWeek: numbers(parsed.dayOfWeek, text).map((day) => day % 7),
    eitherDay: !dayField.startsWith('*') && !weekField.startsWith('*'),
  };
  if (nextFire(fields, 0) === undefined) throw refuse(text, 'never comes true');
  return fields;
}

function dayFits({ daysOfMonth, daysOfWeek, months, eitherDay }: CronFields, date: Date): boolean {
  if (!months.includes(date.getUTCMonth() + 1)) return false;
  const ofMonth = daysOfMonth.includes(date.getUTCDate());
  const ofWeek = daysOfWeek.includes(date.getUTCDay());
  return eitherDay ? ofMonth || ofWeek : ofMonth && ofWeek;
}

/** The first moment after `afterMs` (wall time) at which it fires, in milliseconds; undefined when there is none. */
export function nextFire(fields: CronFields, afterMs: number): number | undefined {
  const firstDayMs = Math.floor(afterMs / DAY_MS) * DAY_MS;
  for (let day = 0; day < MAX_DAYS; day += 1) {
    const dayMs = firstDayMs + day * DAY_MS;
    if (!dayFits(fields, new Date(dayMs))) continue;
    for (const hour of fields.hours) {
      for (const minute of fields.minutes) {
        const atMs = dayMs + (hour * 60 + minute) * 60_000;
        if (atMs > afterMs) return atMs;
      }
    }
  }
  return undefined;
}
