import type { Secret } from '../../lib/secret.ts';
import type { Given, Settings } from './settings.ts';
import type { WorkerFile } from './worker-file.ts';

/** One value of one key, at each place that gives it, weakest first. */
type Holders<T> = readonly (Given<T> | undefined)[];

function losersOf<T>(holders: Holders<T>, same: (left: T, right: T) => boolean): string[] {
  const given = holders.filter((holder) => holder !== undefined);
  const winner = given.at(-1);
  if (winner === undefined) return [];
  return given.filter(({ value }) => !same(value, winner.value)).map(({ from }) => `${from} by ${winner.from}`);
}

function mapLosers<T>(
  key: string,
  file: string,
  own: Readonly<Record<string, T>> | null | undefined,
  over: Given<Readonly<Record<string, T>>> | undefined,
): string[] {
  if (over === undefined) return [];
  return Object.entries(own ?? {}).flatMap(([name, value]) => {
    const inFlags = Object.hasOwn(over.value, name) ? { value: over.value[name] as T, from: over.from } : undefined;
    return losersOf([{ value, from: `${key}.${name} of ${file}` }, inFlags], Object.is);
  });
}

/**
 * One sentence that names every value that loses against another place, or undefined. `file` is the name of the
 * configuration file; file < environment < flags.
 */
export function overrideWarning(
  file: string,
  own: WorkerFile,
  environment: Settings,
  flags: Settings,
): string | undefined {
  const ofFile = <T>(key: string, value: T | null | undefined) =>
    value == null ? undefined : { value, from: `${key} of ${file}` };
  const sameSecret = (left: Secret, right: Secret) => left.reveal() === right.reveal();
  const overridden = [
    ...losersOf([ofFile('token', own.token), environment.token, flags.token], sameSecret),
    ...losersOf([ofFile('name', own.name), environment.name, flags.name], Object.is),
    ...mapLosers('labels', file, own.labels, flags.labels),
    ...mapLosers('resources', file, own.resources, flags.resources),
    ...losersOf([ofFile('rpc.endpoint', own.rpc?.endpoint), environment.rpcEndpoint, flags.rpcEndpoint], Object.is),
    ...losersOf([ofFile('log.level', own.log?.level), environment.logLevel, flags.logLevel], Object.is),
  ];
  return overridden.length === 0 ? undefined : `overridden: ${overridden.join(', ')}`;
}
