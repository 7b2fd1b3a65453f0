import { parseMemory } from '../../lib/memory-size.ts';
import { Platform } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { type Reader, reader, reportKind } from './reader.ts';
import { mapSchema, TEXT } from './schemas.ts';
import { text } from './texts.ts';

const MAX_UINT32 = 4_294_967_295;

/** A number that `accepts` finds right; `kind` and `hint` tell what is wanted. */
function number(kind: string, pattern: RegExp, accepts: (value: number) => boolean, hint?: string): Reader<number> {
  return reader({ type: ['number', 'string'] }, (entry, scope) => {
    const written = text(entry, scope);
    if (written === undefined) return undefined;
    const value = pattern.test(written) ? Number(written) : Number.NaN;
    if (accepts(value)) return value;
    scope.report.error(entry.at, `${entry.key}: "${written}" is not ${kind}`, hint);
    return undefined;
  });
}

const WHOLE = /^\d+$/;
const DECIMAL = /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

export const wholeNumber = number('a whole number', WHOLE, (value) => value <= MAX_UINT32);
/** 16 bits, for ports and disk sizes. */
export const shortNumber = number('a whole number up to 65535', WHOLE, (value) => value <= 65_535);
export const amount = number('an amount', DECIMAL, Number.isFinite, 'write a number such as 1 or 0.5');

/** Names of amounts, as of a worker's resources. */
export const amounts: Reader<Record<string, number>> = reader(
  mapSchema({ type: ['number', 'string'] }),
  (entry, scope) => {
    if (entry.value.kind !== 'map') return reportKind(entry, 'a map of amounts', scope);
    const pairs = entry.value.entries.map((item) => [item.key, amount(item, scope)] as const);
    return Object.fromEntries(pairs.filter((pair): pair is [string, number] => pair[1] !== undefined));
  },
);

/** Memory in MiB, see `parseMemory`. */
export const memory: Reader<number> = reader(TEXT, (entry, scope) => {
  const written = text(entry, scope);
  if (written === undefined) return undefined;
  const mebibytes = parseMemory(written);
  if (mebibytes !== undefined) return mebibytes;
  scope.report.error(entry.at, `${entry.key}: "${written}" is not an amount of memory`, 'write it like 8G or 512Mb');
  return undefined;
});

const SECONDS_OF_UNIT: Readonly<Record<string, number>> = { '': 60, s: 1, m: 60, h: 3600 };

/** A time limit in seconds: `30` and `30m` are minutes, `90s`, `2h`. */
export const timeLimit: Reader<number> = reader(TEXT, (entry, scope) => {
  const written = text(entry, scope);
  if (written === undefined) return undefined;
  const [, digits = '', unit = ''] = /^(\d+)([a-z]?)$/i.exec(written) ?? [];
  const seconds = digits === '' ? Number.NaN : Number(digits) * (SECONDS_OF_UNIT[unit.toLowerCase()] ?? Number.NaN);
  if (seconds <= MAX_UINT32) return seconds;
  const hint = 'write minutes as a bare number, or a number with one unit: 90s, 30m, 2h';
  scope.report.error(entry.at, `${entry.key}: "${written}" is not a time limit`, hint);
  return undefined;
});

const PLATFORMS: Readonly<Record<string, Platform>> = {
  linux: Platform.LINUX,
  windows: Platform.WINDOWS,
  darwin: Platform.DARWIN,
};

export const platform: Reader<Platform> = reader(TEXT, (entry, scope) => {
  const written = text(entry, scope);
  if (written === undefined) return undefined;
  const name = written.toLowerCase();
  const known = Object.hasOwn(PLATFORMS, name) ? PLATFORMS[name] : undefined;
  if (known !== undefined) return known;
  scope.report.error(entry.at, `${entry.key}: "${written}" is not a platform`, 'write linux, darwin or windows');
  return undefined;
});
